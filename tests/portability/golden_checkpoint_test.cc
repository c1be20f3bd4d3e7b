// The golden checkpoint: what later versions must still read as the same model.
#include <string>

#include "model/checkpoint/checkpoint.h"
#include "model/quantize.h"
#include "model/quantized_model.h"
#include "tests/catch.h"

namespace occam {

TEST_CASE("Golden files: the checkpoint is read as ever and quantises to the golden model") {
  const std::string folder = OCCAM_GOLDEN;
  const Checkpoint checkpoint = LoadCheckpoint(folder + "/model.h5");
  CHECK(checkpoint.config.windows == std::vector<int32_t>{8, 0});
  CHECK_FALSE(checkpoint.training.has_value());
  REQUIRE(checkpoint.provenance.sources.size() == 1);
  CHECK(checkpoint.provenance.sources[0].train.end == 142500);
  const QuantizedModel model =
      Quantise(checkpoint.config, checkpoint.weights, checkpoint.calibration, checkpoint.tokenizer);
  CHECK((SerialiseModel(model) == ReadFile(folder + "/model.occm")));
}

}  // namespace occam
