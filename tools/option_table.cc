#include "tools/option_table.h"

namespace occam {

void AddOptions(cxxopts::Options* options, const std::string& group,
                const std::vector<Option>& rows) {
  cxxopts::OptionAdder add = options->add_options(group);
  for (const Option& row : rows) add(row.names, row.help, row.value, row.unit);
}

Option MemoryOption() {
  return {
      "memory", "LIMIT", Text("1G"),
      "Memory that reading files and models and working with them may take: 4G, 500MiB. It is "
      "counted from their headers; what needs more is refused. If this is not given, a model that "
      "is named may take four times its size besides"};
}

Option ThreadsOption(const std::string& help) { return {"T,threads", "N", Takes<int>("0"), help}; }

}  // namespace occam
