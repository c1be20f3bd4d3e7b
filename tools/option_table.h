// The options of a command as a table: a row each, by groups as its help page shows them.
#ifndef OCCAM_TOOLS_OPTION_TABLE_H_
#define OCCAM_TOOLS_OPTION_TABLE_H_

#include <cxxopts.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace occam {

using OptionValue = std::shared_ptr<cxxopts::Value>;

// The value that an option takes: a T, or none where it has a default, given as it is typed.
template <typename T>
OptionValue Takes() {
  return cxxopts::value<T>();
}
template <typename T>
OptionValue Takes(const std::string& value) {
  return cxxopts::value<T>()->default_value(value);
}
inline OptionValue Text() { return Takes<std::string>(); }
inline OptionValue Text(const std::string& value) { return Takes<std::string>(value); }

struct Option {
  // A flag. Names are "o,output" or "output".
  Option(std::string names_in, std::string help_in)
      : names(std::move(names_in)), value(cxxopts::value<bool>()), help(std::move(help_in)) {}
  // An option with a value, which the help page calls `unit`.
  Option(std::string names_in, std::string unit_in, OptionValue value_in, std::string help_in)
      : names(std::move(names_in)),
        unit(std::move(unit_in)),
        value(std::move(value_in)),
        help(std::move(help_in)) {}

  std::string names, unit;
  OptionValue value;
  std::string help;
};

// Adds the rows to a group of `options`.
void AddOptions(cxxopts::Options* options, const std::string& group,
                const std::vector<Option>& rows);

// The option --memory of all commands that read files from anywhere; MemoryFrom reads it.
Option MemoryOption();

// The option -T of all commands that take it; ThreadsFrom reads it.
Option ThreadsOption(const std::string& help = "Threads; 0 = one a processor");

}  // namespace occam

#endif  // OCCAM_TOOLS_OPTION_TABLE_H_
