#include "net/no_proxy.h"

#include <span>

#include <doctest/doctest.h>

namespace headrace {
namespace {

struct Row {
  const char* list;
  const char* url;
  bool straight;
};

// What real clients answer is written beside a row where they disagree, in the order requests,
// httpx2, curl.
constexpr Row names[] = {
    {"example.com", "http://example.com/", true},
    {"example.com", "http://www.example.com/", true},
    {"example.com", "http://notexample.com/", false},
    {"example.com", "http://example.com.evil/", false},
    {".example.com", "http://example.com/", true},  // yes, no, yes
    {".example.com", "http://www.example.com/", true},
    {".example.com", "http://notexample.com/", false},
    {"*.example.com", "http://www.example.com/", true},  // no, yes, no
    {"*.example.com", "http://example.com/", false},
    {"EXAMPLE.com", "http://example.COM/", true},
    {"example.com.", "http://example.com/", true},  // no, no, yes
    {"example.com", "http://example.com./", true},  // no, no, yes
    {"com", "http://example.com/", true},
    {"localhost", "http://localhost:8080/", true},
    {"localhost", "http://a.localhost/", true},  // yes, no, yes
    {"https://example.com", "https://example.com/", true},
    {"https://example.com", "http://example.com/", false},
    {"http://example.com/", "http://example.com/", true},  // no, yes, no
    {"http://example.com", "http://www.example.com/", false},
    {"all://example.com", "https://example.com/", true},
};

constexpr Row ports[] = {
    {"example.com:8080", "http://example.com:8080/", true},  // yes, yes, no
    {"example.com:8080", "http://www.example.com:8080/", true},
    {"example.com:8080", "http://example.com/", false},
    // All three say no, since the URL does not spell its port; who wrote 443 meant it.
    {"example.com:443", "https://example.com/", true},
    {"example.com:443", "http://example.com/", false},
    {"10.1.2.3:8080", "http://10.1.2.3:8080/", true},  // no, yes, no
    {"10.1.2.3:8080", "http://10.1.2.3/", false},
    {"[::1]:8080", "http://[::1]:8080/", true},  // no, yes, no
    {"[::1]:8080", "http://[::1]:8081/", false},
};

constexpr Row addresses[] = {
    {"10.1.2.3", "http://10.1.2.3:9000/", true},
    {"10.1.2.3", "http://10.1.2.30/", false},
    {"2.3", "http://10.1.2.3/", false},  // yes, yes, no: the end of a number is no network
    {"10.0.0.0/8", "http://10.1.2.3/", true},
    {"10.1.2.3/8", "http://10.9.2.3/", true},
    {"10.0.0.0/8", "http://11.0.0.0/", false},
    {"192.168.4.0/22", "http://192.168.7.255/", true},
    {"192.168.4.0/22", "http://192.168.8.0/", false},
    {"192.168.4.1/32", "http://192.168.4.1/", true},
    {"192.168.4.1/32", "http://192.168.4.0/", false},
    {"0.0.0.0/0", "http://10.1.2.3/", true},  // no, yes, no
    {"0.0.0.0/0", "http://[::1]/", false},
    {"10.0.0.0/8", "http://10.example.com/", false},
    {"::1", "http://[::1]/", true},
    {"[::1]", "http://[::1]/", true},            // no, yes, no
    {"0:0:0:0:0:0:0:1", "http://[::1]/", true},  // no, no, no, but it is that address
    {"fd00::/8", "http://[fd12::1]/", true},     // no, yes, no
    {"[fd00::]/8", "http://[fd12::1]/", true},   // no, yes, no
    {"fd00::/8", "http://[fe00::1]/", false},
    {"2001:db8::/33", "http://[2001:db8:7fff::1]/", true},
    {"2001:db8::/33", "http://[2001:db8:8000::1]/", false},
    {"::ffff:10.0.0.0/104", "http://10.1.2.3/", false},
};

constexpr Row lists[] = {
    {"", "http://localhost/", false},
    {"", "http://127.0.0.1/", false},
    {"*", "http://a.b/", true},
    {"x, *", "http://a.b/", true},  // no, yes, no
    {"**", "http://a.b/", false},
    {",,x.org,, y.org ,", "http://y.org/", true},
    {"x.org y.org", "http://y.org/", true},  // no, no, yes
    {"x.org\ty.org\n", "http://x.org/", true},
    {"xy.org", "http://y.org/", false},
};

// Nothing of these is an entry, and the one behind them still counts.
constexpr const char* unreadable[] = {
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8x",
    "10.0.0.0/-1",
    "fd00::/129",
    "[::1",
    "[::1]x",
    "[::1]:",
    "[::1]:0",
    "x.org:0",
    "x.org:65536",
    "x.org:8o",
    "x.org:",
    "x.org/24",
    ".",
    "*.",
    "://",
    "http://",
    "[x.org]:80x",
    "1:2:3",
    "[]",
    "/8",
    "10.0.0.0/8:80",
    ":80",
    "\xff\xfe",
    "x.org:99999999999999999999",
    "10.0.0.0/99999999999999999999",
};

bool goes_straight(const std::string& list, const char* text) {
  Result<Url> url = Url::parse(text);
  REQUIRE(url);
  return NoProxy::parse(list).matches(*url);
}

void check(std::span<const Row> rows) {
  for (const Row& row : rows) {
    CAPTURE(row.list);
    CAPTURE(row.url);
    CHECK(goes_straight(row.list, row.url) == row.straight);
  }
}

}  // namespace

TEST_CASE("names match themselves and what is below them") { check(names); }
TEST_CASE("a port limits an entry to it") { check(ports); }
TEST_CASE("addresses match as numbers, alone or as networks") { check(addresses); }
TEST_CASE("commas and blanks separate, a star takes all") { check(lists); }

TEST_CASE("what cannot be read is skipped") {
  for (std::string entry : unreadable) {
    CAPTURE(entry);
    CHECK(goes_straight(entry + ",last.org", "http://last.org/"));
    for (const char* url :
         {"http://x.org/", "http://10.1.2.3/", "http://[::1]/", "http://[fd12::1]/"}) {
      CHECK(!goes_straight(entry, url));
    }
  }
  CHECK(NoProxy::parse(" , ").empty());
  CHECK(!NoProxy::parse("*").empty());
}

}  // namespace headrace
