#include "module.hpp"

#include <omp.h>

NB_MODULE(TACIT_MODULE, m) {
  nanobind::set_leak_warnings(false);
  m.attr("isa") = TACIT_ISA;
  m.def("max_threads", [] { return omp_get_max_threads(); });
  tacit::bind_hash(m);
  tacit::bind_nearest(m);
  tacit::bind_nearest_sparse(m);
  tacit::bind_bounded(m);
  tacit::bind_moments(m);
  tacit::bind_mixture(m);
  tacit::bind_project(m);
  tacit::bind_units(m);
  tacit::bind_tree(m);
  tacit::bind_words(m);
  tacit::bind_skipgram(m);
  tacit::bind_walks(m);
}
