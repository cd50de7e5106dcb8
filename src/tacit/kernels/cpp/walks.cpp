// Random walks on a graph: first order by weights (DeepWalk, Perozzi et al. 2014), or second order (node2vec, Grover
// and Leskovec 2016, section 3.2) by rejection, so that nothing is stored for pairs of edges.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>

#include "lanes.hpp"
#include "module.hpp"
#include "random.hpp"

namespace nb = nanobind;

namespace tacit {
namespace {

template <class T>
using flat = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// Rows of arcs, columns ascending; `upto` are the sums of a row's weights up to each arc, null where all are equal.
struct Graph {
  const int64_t* start;
  const int32_t* to;
  const double* upto;

  int64_t degree(int32_t v) const { return start[v + 1] - start[v]; }
  double total(int32_t v) const { return upto ? upto[start[v + 1] - 1] : double(degree(v)); }

  // The arc of v -> x, -1 where there is none.
  int64_t arc(int32_t v, int32_t x) const {
    const int32_t *lo = to + start[v], *hi = to + start[v + 1];
    const int32_t* at = std::lower_bound(lo, hi, x);
    return at < hi && *at == x ? at - to : -1;
  }
  double weight(int64_t arc, int32_t v) const {
    if (!upto) return 1;
    return upto[arc] - (arc > start[v] ? upto[arc - 1] : 0.);
  }

  // A neighbour of v with probability in proportion to the weights.
  int32_t step(int32_t v, Random& random) const {
    if (!upto) return to[start[v] + random.below(uint32_t(degree(v)))];
    const double *lo = upto + start[v], *hi = upto + start[v + 1];
    const double* at = std::upper_bound(lo, hi - 1, random.unit() * hi[-1]);
    return to[start[v] + (at - lo)];
  }
};

// p(x | v, t) ∝ w_vx α(t, x): α = 1/p for x = t, 1 for x with an arc t -> x, 1/q for others.
struct SecondOrder {
  const Graph& graph;
  double back, near, far;  // 1/p, 1, 1/q

  double bias(int32_t t, int32_t x) const { return x == t ? back : graph.arc(t, x) >= 0 ? near : far; }

  int32_t step(int32_t t, int32_t v, Random& random) const {
    // All but the way back lie below `most`; what the way back has above it is drawn by itself.
    const double most = std::max(near, far);
    const int64_t arc = back > most ? graph.arc(v, t) : -1;
    const double above = arc >= 0 ? graph.weight(arc, v) * (back - most) : 0, below = graph.total(v) * most;
    for (int tries = 0; tries < 100; tries++) {
      if (above > 0 && random.unit() * (above + below) < above) return t;
      const int32_t x = graph.step(v, random);
      if (random.unit() * most < bias(t, x)) return x;
    }
    return exact(t, v, random);
  }

  // By all neighbours, where most are very unlikely.
  int32_t exact(int32_t t, int32_t v, Random& random) const {
    double sum = 0;
    int32_t chosen = graph.to[graph.start[v]];
    for (int64_t e = graph.start[v]; e < graph.start[v + 1]; e++) {
      const double mass = graph.weight(e, v) * bias(t, graph.to[e]);
      sum += mass;
      if (random.unit() * sum < mass) chosen = graph.to[e];
    }
    return chosen;
  }
};

// out[i, 0 .. length) from the node from[i], ending early where no arc leads on; the rest, and out[i, length], is -1.
void walks(flat<const int64_t> start, flat<const int32_t> to, std::optional<flat<const double>> upto,
           flat<const int32_t> from, double p, double q, uint64_t seed,
           nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu> out, int threads) {
  const Graph graph{start.data(), to.data(), upto ? upto->data() : nullptr};
  const SecondOrder second{graph, 1 / p, 1, 1 / q};
  const bool first_order = p == 1 && q == 1;
  const auto count = int64_t(from.shape(0)), width = int64_t(out.shape(1));
  const int32_t* begin = from.data();
  int32_t* all = out.data();
  nb::gil_scoped_release release;
  const Lanes l = lanes(count, 256, 1);
  each_lane(
      l, useful(100. * double(count * width), threads), [] { return 0; },
      [&](int lane, int) {
        for (int64_t i = l.begin(lane); i < l.end(lane); i++) {
          Random random{Random::mix(seed + uint64_t(i))};
          int32_t* walk = all + i * width;
          std::fill_n(walk, width, -1);
          walk[0] = begin[i];
          for (int64_t s = 1; s + 1 < width && graph.degree(walk[s - 1]) > 0; s++)
            walk[s] =
                first_order || s == 1 ? graph.step(walk[s - 1], random) : second.step(walk[s - 2], walk[s - 1], random);
        }
      });
}

// Within each row, the sums of the weights up to each arc.
void row_sums(flat<const int64_t> start, flat<const double> weights, flat<double> out) {
  for (size_t v = 0; v + 1 < start.shape(0); v++) {
    double sum = 0;
    for (int64_t e = start.data()[v]; e < start.data()[v + 1]; e++) out.data()[e] = sum += weights.data()[e];
  }
}

// Σ_{s < length} pₛ with p₀ uniform and pₛ₊₁ = Pᵀ pₛ: the expected visits of a walk of first order.
void visits(flat<const int64_t> start, flat<const int32_t> to, std::optional<flat<const double>> upto, int length,
            flat<double> out) {
  const Graph graph{start.data(), to.data(), upto ? upto->data() : nullptr};
  const auto n = int32_t(out.shape(0));
  double* sums = out.data();
  nb::gil_scoped_release release;
  auto now = allocate<double>(size_t(n)), next = allocate<double>(size_t(n));
  std::fill_n(now.get(), n, 1. / n);
  std::fill_n(sums, n, 0.);
  for (int s = 0; s < length; s++) {
    std::fill_n(next.get(), n, 0.);
    for (int32_t v = 0; v < n; v++) {
      sums[v] += now[v];
      if (now[v] == 0 || graph.degree(v) == 0) continue;
      const double share = now[v] / graph.total(v);
      for (int64_t e = start.data()[v]; e < start.data()[v + 1]; e++) next[to.data()[e]] += share * graph.weight(e, v);
    }
    std::swap(now, next);
  }
}

}  // namespace

void bind_walks(nb::module_& m) {
  m.def("walks", walks, nb::arg("start"), nb::arg("to"), nb::arg("upto").none(), nb::arg("nodes"), nb::arg("p"),
        nb::arg("q"), nb::arg("seed"), nb::arg("out"), nb::arg("threads"));
  m.def("row_sums", row_sums, nb::arg("start"), nb::arg("weights"), nb::arg("out"));
  m.def("visits", visits, nb::arg("start"), nb::arg("to"), nb::arg("upto").none(), nb::arg("length"), nb::arg("out"));
}

}  // namespace tacit
