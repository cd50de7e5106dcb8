#include "module.hpp"

namespace tacit {

void bind_mixture(nanobind::module_&) {}

}  // namespace tacit
