#include "engine/bench.h"

#include <algorithm>

#include <doctest/doctest.h>

namespace headrace {
namespace {

constexpr double gib = 1024.0 * 1024 * 1024;

// Two cores and a fast disk, in round figures.
constexpr MachineRates usual = {.cores = 2,
                                .disk = 4 * gib,
                                .sha256_one = 1.5 * gib,
                                .sha256_lanes = 3 * gib,
                                .crc64 = 24 * gib,
                                .seal = 3 * gib,
                                .send = 4 * gib};

UploadBound bound_of(const MachineRates& rates, std::string_view name) {
  std::vector<UploadBound> bounds = bounds_of(rates);
  auto found = std::ranges::find(bounds, name, &UploadBound::name);
  REQUIRE(found != bounds.end());
  return *found;
}

bool is_near(double value, double wanted) {
  return value > 0.999 * wanted && value < 1.001 * wanted;
}

}  // namespace

TEST_CASE("the cores' stages add up, and the slowest is named") {
  UploadBound many = bound_of(usual, "hub_many_http");
  CHECK(many.by == "sha256");
  CHECK(is_near(many.bytes_per_second, 2 * gib / (1.0 / 3 + 1.0 / 4)));
  // Sealing is as slow as hashing here; the first of the two is named.
  CHECK(is_near(bound_of(usual, "hub_many_https").bytes_per_second,
                2 * gib / (1.0 / 3 + 1.0 / 3 + 1.0 / 4)));
  CHECK(bound_of(usual, "urls_https").by == "tls");
  CHECK(bound_of(usual, "s3_https").by == "tls");
}

TEST_CASE("a disk that is slower than the cores bounds all but what is bound by one core") {
  MachineRates rates = usual;
  rates.disk = 1 * gib;
  for (const UploadBound& bound : bounds_of(rates)) {
    CHECK(bound.by == "disk");
    bool read_twice = bound.name.starts_with("hub_one");
    CHECK(is_near(bound.bytes_per_second, read_twice ? gib / 2 : gib));
  }
  // Two cores send 8 GiB/s here.
  CHECK(bound_of(usual, "urls_http").by == "disk");
}

TEST_CASE("one file is hashed by one core, then sent") {
  UploadBound one = bound_of(usual, "hub_one_http");
  CHECK(one.by == "sha256");
  CHECK(is_near(one.bytes_per_second, gib / (1 / 1.5 + 1.0 / 4)));
  MachineRates many_cores = usual;
  many_cores.cores = 64;
  CHECK(bound_of(many_cores, "hub_one_http").by == "sha256");
  CHECK(bound_of(many_cores, "hub_many_http").by == "disk");
}

TEST_CASE("what is not known bounds nothing") {
  MachineRates rates = usual;
  rates.disk = 0;
  rates.seal = 0;
  CHECK(is_near(bound_of(rates, "urls_https").bytes_per_second, 8 * gib));
  CHECK(bound_of(rates, "urls_https").by == "send");
  rates.send = 0;
  CHECK(bound_of(rates, "urls_https").bytes_per_second == 0);
  CHECK(is_near(bound_of(rates, "hub_one_http").bytes_per_second, 1.5 * gib));
}

}  // namespace headrace
