// The prequential code length of the training data. A file would take as much if it were coded
// while it is learned from, each batch by the weights of the steps before. No model is shipped
// (Dawid, 1984, "Statistical theory: the prequential approach"; Rissanen, 1984, "Universal coding,
// information, prediction, and estimation"; for networks Blier and Ollivier, 2018, "The description
// length of deep learning models", on prequential codes). Sender and receiver train alike, so that
// recipe and seed are all that the receiver needs beside the code. It is the sum of the losses that
// training computes anyway.
//
// What counts: the steps of the first pass (data/batcher.h), each target's loss in bits before the
// step that learns from it. A step counts when all its windows are of the first pass, so that no
// target was seen before.
//
// What does not: later passes; what the first pass leaves out at the ends of the data (less than 2
// T tokens); its last windows where they do not fill a batch of B; so less than B + 1 windows of T
// in all, unless the run ends within the pass. `bytes` says how many are covered. It is the length
// of a code of the windows in the order of training, by the float network. No file is written, and
// its last bits are those of one kind of machine. Every other window is coded with the token before
// it as known. A receiver who has not decoded that one yet would be sent it first. For byte tokens
// this costs at most 8 bits in two windows, 4 / T bits a byte.
//
// A run that starts from another model's weights has none, as nobody knows what these have seen.
#ifndef OCCAM_TRAIN_PREQUENTIAL_H_
#define OCCAM_TRAIN_PREQUENTIAL_H_

namespace occam {

struct Prequential {
  double bits = 0;   // of the code
  double bytes = 0;  // of training data that it stands for

  double bits_per_byte() const { return bytes > 0 ? bits / bytes : 0; }
};

}  // namespace occam

#endif  // OCCAM_TRAIN_PREQUENTIAL_H_
