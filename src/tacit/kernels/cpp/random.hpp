// A small stream of random numbers: SplitMix64 (Steele, Lea and Flood 2014), whose state is a counter.
#pragma once
#include <cstdint>

namespace tacit {

struct Random {
  uint64_t state;

  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  uint64_t next() { return mix(state += 0x9e3779b97f4a7c15ull); }
  uint32_t word() { return uint32_t(next() >> 32); }
  // 0 <= i < most; a bias of most / 2³² is left
  uint32_t below(uint32_t most) { return uint32_t((uint64_t(word()) * most) >> 32); }
  double unit() { return double(next() >> 11) * 0x1p-53; }  // [0, 1)
};

}  // namespace tacit
