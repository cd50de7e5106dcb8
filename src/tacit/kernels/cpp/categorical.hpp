// Independent categoricals given the component; a gap (a negative code) is skipped.
#pragma once
#include "part.hpp"

namespace tacit {

// Columns of few levels are looked up together: their tables are added up once for every combination of levels (and of
// gaps, in columns that have some), a cell, and one number per row then stands for all of them.
template <class T>
class Categorical final : public Part<T> {
  static constexpr int n = simd<T>::n;
  static constexpr int rows = n < 4 ? n : 4;  // whose sums run side by side, to hide the latency of an addition
  static constexpr int sparse = 6;            // components are summed row by row where less than a sixth of r counts
  static constexpr int together = 32;         // cells of columns that are looked up together, at most
  static constexpr int fewer = 16;            // the same where the tables of a group of components then fit ...
  static constexpr int nearest = 28 << 10;    // ... the first-level cache
  static constexpr int near = 32;             // rows packed at once: their codes stay in the first-level cache
  using V = vec_t<T>;

  struct Column {
    int size, level;  // levels, and where they begin among all
    int values;       // levels, and one more for gaps if there are any: the last
    int unit, step;   // the unit that it is looked up in, and how far apart two of its levels are there
  };
  struct Unit {
    int begin, cells;  // among all cells
    std::vector<int> columns;
  };

  const Matrix codes;
  const int K, c, groups;  // groups: vectors of components
  std::vector<Column> columns;
  std::vector<Unit> units;
  int levels = 0, cells = 0;
  std::vector<uint32_t> last, steps;     // [c], the greatest value of a column, and how far apart two are
  bool by_row;                           // whether the codes are the rows of an int32 matrix, all of its columns
  std::vector<int32_t> begins, nothing;  // [units], first and last cells: the last are of gaps, where there are gaps
  std::vector<int32_t> firsts;           // [units + 1], first columns
  int wide = 0;                          // columns of every unit but the last, which may have fewer; 0 if they differ
  buffer<T> tables;                      // [groups, cells, n]: log p(cell | k)
  double* counts;                        // [K, levels] of the caller

  size_t stride() const { return size_t(cells) * n; }  // of a group
  const uint32_t* row(int64_t i) const {               // by_row
    return reinterpret_cast<const uint32_t*>(codes.columns[0].data + i * codes.columns[0].stride);
  }

  // The levels of each column, and one more where it has gaps.
  std::vector<uint32_t> values_of(const int32_t* sizes) const {
    std::vector<uint32_t> most(sizes, sizes + c);
    for (auto& m : most) m--;
    if (by_row)
      for (int64_t i = 0; i < codes.rows; i++) {
        const uint32_t* at = row(i);
        uint32_t* to = most.data();
#pragma GCC ivdep
        for (int j = 0; j < c; j++) to[j] = std::max(to[j], at[j]);
      }
    for (int j = 0; j < c; j++) most[j] = by_row ? std::min(most[j], uint32_t(sizes[j])) + 1 : uint32_t(sizes[j]) + 1;
    return most;
  }

  // Neighbouring columns into units of so many cells at most.
  void join(const int32_t* sizes, const std::vector<uint32_t>& values, int most) {
    columns.clear();
    units.clear();
    levels = cells = 0;
    for (int j = 0; j < c; j++) {
      const int v = int(values[j]);
      if (units.empty() || int64_t(units.back().cells) * v > most) units.push_back({cells, 1, {}});
      Unit& unit = units.back();
      columns.push_back({sizes[j], levels, v, int(units.size()) - 1, unit.cells});
      unit.columns.push_back(j);
      unit.cells *= v;
      levels += sizes[j];
      cells = unit.begin + unit.cells;
    }
  }

  // f(level among all) for every column of a cell that is no gap there
  template <class F>
  void each_level(const Unit& unit, int cell, F f) const {
    for (int j : unit.columns) {
      const Column& column = columns[j];
      const int level = cell / column.step % column.values;
      if (level < column.size) f(column.level + level);
    }
  }

  class Work final : public Worker<T> {
    const Categorical& p;
    const int q;  // units
    int m = 0;
    std::vector<int32_t> at;      // [chunk, q], cells
    std::vector<uint32_t> along;  // [c], how far into its unit each column of a row leads; zeros fill up the last unit
    buffer<T> sums;               // as the tables

   public:
    Work(const Categorical& part, int chunk)
        : p(part),
          q(int(p.units.size())),
          at(size_t(chunk) * q),
          along(p.c + p.wide),
          sums(zeros<T>(p.groups * p.stride())) {}

    void pack(int64_t lo, int count, bool) override {
      m = count;
      for (int i = p.by_row ? m : 0; i < padded(m, n); i++)
        std::copy(p.nothing.begin(), p.nothing.end(), at.begin() + size_t(i) * q);
      if (p.by_row) {
        for (int i = 0; i < m; i++) {
          const uint32_t *row = p.row(lo + i), *last = p.last.data(), *step = p.steps.data();
          uint32_t* to = along.data();
#pragma GCC ivdep
          for (int j = 0, c = p.c; j < c; j++) to[j] = std::min(row[j], last[j]) * step[j];  // a gap is the last value
          find(to, &at[size_t(i) * q]);
        }
        return;
      }
      for (int a = 0; a < m; a += near)
        for (int j = 0; j < p.c; j++) {
          const Column column = p.columns[j];
          read(p.codes.columns[j], [&](auto code) {
            for (int i = a; i < std::min(a + near, m); i++) {
              const auto level = int64_t(code(lo + i));
              const int back = level >= 0 && level < column.values ? column.values - 1 - int(level) : 0;
              at[size_t(i) * q + column.unit] -= back * column.step;  // from the last value
            }
          });
        }
    }

    // The cells of a row. Units of equally many columns, as tables of yes and no have, are added up side by side.
    void find(const uint32_t* along, int32_t* cells) const {
      switch (p.wide) {
        case 1:
          return find<1>(along, cells);
        case 2:
          return find<2>(along, cells);
        case 3:
          return find<3>(along, cells);
        case 4:
          return find<4>(along, cells);
        case 5:
          return find<5>(along, cells);
      }
      for (int u = 0; u < q; u++) {
        uint32_t cell = uint32_t(p.begins[u]);
        for (int j = p.firsts[u]; j < p.firsts[u + 1]; j++) cell += along[j];
        cells[u] = int32_t(cell);
      }
    }
    template <int w>
    void find(const uint32_t* along, int32_t* cells) const {
      for (int u = 0; u < q; u++) {
        uint32_t cell = uint32_t(p.begins[u]);
#pragma GCC unroll 5
        for (int j = 0; j < w; j++) cell += along[u * w + j];
        cells[u] = int32_t(cell);
      }
    }

    // A square of rows and components at a time, turned in registers.
    void log_prob(T* tile, int stride) override {
      for (int g = 0; g < p.groups; g++) {
        const T* table = p.tables.get() + g * p.stride();
        const int lanes = std::min(n, p.K - g * n);
        T* out = tile + size_t(g) * n * stride;
        for (int i = 0; i < m; i += n) {
          V s[n];
          for (int u = 0; u < n; u += rows) add(table, &at[size_t(i + u) * q], &s[u]);
          transpose<T>(s);
          for (int k = 0; k < lanes; k++) {
            T* to = out + size_t(k) * stride + i;
            store(to, load(to) + s[k]);
          }
        }
      }
    }

    // Σ log p(cell | k) of a few rows
    void add(const T* table, const int32_t* row, V* s) {
      V a[rows] = {};
      for (int j = 0; j < q; j++)
#pragma GCC unroll 4
        for (int u = 0; u < rows; u++) a[u] += load(table + size_t(row[u * q + j]) * n);
      for (int u = 0; u < rows; u++) s[u] = a[u];
    }

    bool by_component() const override { return false; }
    void accumulate(const T* tile, int stride) override {
      for (int g = 0; g < p.groups; g++) {
        const T* r = tile + size_t(g) * n * stride;
        const int lanes = std::min(n, p.K - g * n);
        T* to = sums.get() + g * p.stride();
        int64_t some = 0;
        for (int k = 0; k < lanes; k++) {
          ivec_t<T> positive = {};
          for (int i = 0; i < m; i += n) positive -= load(r + size_t(k) * stride + i) > V{};
          for (int u = 0; u < n; u++) some += positive[u];
        }
        some* sparse < int64_t(m) * n ? by_rows(to, r, stride, lanes) : by_squares(to, r, stride, lanes);
      }
    }

    void by_rows(T* to, const T* r, int stride, int lanes) {
      for (int k = 0; k < lanes; k++)
        for (int i = 0; i < m; i++)
          if (const T v = r[size_t(k) * stride + i]; v > 0)
            for (int j = 0; j < q; j++) to[size_t(at[size_t(i) * q + j]) * n + k] += v;
    }

    void by_squares(T* to, const T* r, int stride, int lanes) {
      for (int i = 0; i < m; i += n) {
        V s[n] = {};
        for (int k = 0; k < lanes; k++) s[k] = load(r + size_t(k) * stride + i);
        transpose<T>(s);
        for (int u = 0; u < n && i + u < m; u++)
          for (int j = 0; j < q; j++) {
            T* sum = to + size_t(at[size_t(i + u) * q + j]) * n;
            store(sum, load(sum) + s[u]);
          }
      }
    }

    void flush(double* lane) override {
      const size_t size = p.sums();
      for (size_t i = 0; i < size; i++) lane[i] += double(sums[i]);
      std::fill_n(sums.get(), size, T(0));
    }
  };

 public:
  Categorical(Matrix codes_, int K, const int32_t* sizes, const double* log_prob, double* counts)
      : codes(std::move(codes_)), K(K), c(codes.d()), groups(padded(K, n) / n), counts(counts) {
    by_row = c > 0;
    for (int j = 0; j < c; j++) {
      const auto &column = codes.columns[j], &first = codes.columns[0];
      by_row &= column.type == DType::i32 && !column.valid && column.stride == first.stride &&
                column.data == first.data + j * int64_t(sizeof(int32_t));
    }
    const std::vector<uint32_t> values = values_of(sizes);
    join(sizes, values, fewer);
    if (stride() * sizeof(T) > nearest) join(sizes, values, together);
    for (const Column& column : columns) {
      last.push_back(uint32_t(column.values - 1));
      steps.push_back(uint32_t(column.step));
    }
    for (const Unit& unit : units) {
      begins.push_back(unit.begin);
      nothing.push_back(unit.begin + unit.cells - 1);
      firsts.push_back(unit.columns.front());
    }
    firsts.push_back(c);
    if (c > 0) wide = int(units[0].columns.size());
    for (size_t u = 1; u < units.size(); u++) {
      const int columns = int(units[u].columns.size());
      if (columns > wide || (columns < wide && u + 1 < units.size())) wide = 0;
    }
    tables = zeros<T>(groups * stride());
    std::vector<double> sum(K);
    for (const Unit& unit : units)
      for (int cell = 0; cell < unit.cells; cell++) {
        std::fill(sum.begin(), sum.end(), 0.);
        each_level(unit, cell, [&](int level) {
          for (int k = 0; k < K; k++) sum[k] += log_prob[size_t(k) * levels + level];
        });
        for (int k = 0; k < K; k++) tables[k / n * stride() + size_t(unit.begin + cell) * n + k % n] = T(sum[k]);
      }
  }

  size_t sums() const override { return groups * stride(); }
  std::unique_ptr<Worker<T>> worker(int chunk) const override { return std::make_unique<Work>(*this, chunk); }
  void finish(const double* sums, const double*) const override {
    for (const Unit& unit : units)
      for (int cell = 0; cell < unit.cells; cell++)
        each_level(unit, cell, [&](int level) {
          const double* from = sums + size_t(unit.begin + cell) * n;
          for (int k = 0; k < K; k++) counts[size_t(k) * levels + level] += from[k / n * stride() + k % n];
        });
  }
};

}  // namespace tacit
