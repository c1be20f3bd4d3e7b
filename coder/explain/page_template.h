// page.html, the page without what it tells: {{name}} stands for a text to be put there.
#ifndef OCCAM_CODER_EXPLAIN_PAGE_TEMPLATE_H_
#define OCCAM_CODER_EXPLAIN_PAGE_TEMPLATE_H_

namespace occam::explain {

extern const char kPageTemplate[];

}  // namespace occam::explain

#endif  // OCCAM_CODER_EXPLAIN_PAGE_TEMPLATE_H_
