// The operations of the extension module; kernels/__init__.py is their list and their documentation.
#pragma once
#include <nanobind/nanobind.h>

namespace tacit {
void bind_hash(nanobind::module_&);
void bind_nearest(nanobind::module_&);
void bind_nearest_sparse(nanobind::module_&);
void bind_bounded(nanobind::module_&);
void bind_moments(nanobind::module_&);
void bind_mixture(nanobind::module_&);
void bind_project(nanobind::module_&);
void bind_units(nanobind::module_&);
void bind_tree(nanobind::module_&);
void bind_words(nanobind::module_&);
void bind_skipgram(nanobind::module_&);
void bind_walks(nanobind::module_&);
}  // namespace tacit
