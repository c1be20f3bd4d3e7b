// Standard input, output and error of a program that was started without some of them.
#ifndef OCCAM_DATA_BASE_STANDARD_DESCRIPTORS_H_
#define OCCAM_DATA_BASE_STANDARD_DESCRIPTORS_H_

namespace occam {

// Opens those of the descriptors 0 to 2 that are closed. So no file that is opened later gets their
// numbers and what is printed. Reading or writing them still fails. A program calls it first.
void OpenStandardDescriptors();

}  // namespace occam

#endif  // OCCAM_DATA_BASE_STANDARD_DESCRIPTORS_H_
