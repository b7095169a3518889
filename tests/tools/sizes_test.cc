#include "tools/headrace/sizes.h"

#include <doctest/doctest.h>

namespace headrace {

TEST_CASE("sizes as people write them") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("4096B") == 4096);
  CHECK(parse_size("16M") == 16u << 20);
  CHECK(parse_size("16MiB") == 16u << 20);
  CHECK(parse_size("16MB") == 16'000'000);
  CHECK(parse_size("1kB") == 1000);
  CHECK(parse_size("1k") == 1024);
  CHECK(parse_size("2 GiB") == 2ULL << 30);
  CHECK(parse_size("16777215T") == 16777215ULL << 40);
  for (const char* bad : {"", "M", "-1", "1.5G", "1X", "1Mi", "1MiBs", "0x10", " 1", "16777216T",
                          "99999999999999999999", "1 1"}) {
    CHECK_MESSAGE(!parse_size(bad).has_value(), bad);
  }
}

TEST_CASE("sizes and times as people read them") {
  CHECK(size_text(0) == "0 B");
  CHECK(size_text(999) == "999 B");
  CHECK(size_text(1000) == "1.0 KiB");
  CHECK(size_text(1536) == "1.5 KiB");
  CHECK(size_text(100 << 10) == "100 KiB");
  CHECK(size_text(1u << 30) == "1.0 GiB");
  CHECK(size_text(5e15) == "4547 TiB");
  CHECK(duration_text(4.23) == "4.2 s");
  CHECK(duration_text(200) == "3 min 20 s");
  CHECK(duration_text(3900) == "1 h 5 min");
  CHECK(count_text(1, "file") == "1 file");
  CHECK(count_text(0, "file") == "0 files");
}

}  // namespace headrace
