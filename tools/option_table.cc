#include "tools/option_table.h"

namespace occam {

void AddOptions(cxxopts::Options* options, const std::string& group,
                const std::vector<Option>& rows) {
  cxxopts::OptionAdder add = options->add_options(group);
  for (const Option& row : rows) add(row.names, row.help, row.value, row.unit);
}

Option ThreadsOption(const std::string& help) { return {"T,threads", "N", Takes<int>("0"), help}; }

}  // namespace occam
