#include "net/url.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {
std::string resolved(std::string_view base, std::string_view reference) {
  Result<Url> url = Url::parse(base)->resolve(reference);
  return url ? url->text() : url.error().code;
}
}  // namespace

TEST_CASE("a URL is taken apart and the target stays as written") {
  Url url = *Url::parse("HTTPS://Hub.Example/a%2Fb/../c?X=%2f&sig=A+b/=#frag");
  CHECK(url.scheme == "https");
  CHECK(url.host == "hub.example");
  CHECK(url.port == 443);
  CHECK(url.target == "/a%2Fb/../c?X=%2f&sig=A+b/=");
  CHECK(url.path() == "/a%2Fb/../c");
  CHECK(url.query() == "X=%2f&sig=A+b/=");
  CHECK(url.origin() == "https://hub.example");
  CHECK(url.redacted() == "https://hub.example/a%2Fb/../c");
  CHECK(url.secure());
}

TEST_CASE("ports and IPv6 literals") {
  Url url = *Url::parse("http://[2001:DB8::1]:8080?q");
  CHECK(url.host == "2001:db8::1");
  CHECK(url.port == 8080);
  CHECK(url.target == "/?q");
  CHECK(url.authority() == "[2001:db8::1]:8080");
  CHECK(url.endpoint() == "[2001:db8::1]:8080");
  CHECK(Url::parse("http://h:80/")->authority() == "h");
  CHECK(Url::parse("http://h:/")->port == 80);
  CHECK(Url::parse("http://h:443/")->authority() == "h:443");
  CHECK(Url::parse("http://h")->target == "/");
}

TEST_CASE("what may not stand in a request line is encoded") {
  CHECK(Url::parse("http://h/a b/\xc3\xa9")->target == "/a%20b/%C3%A9");
}

TEST_CASE("bad URLs are refused, without their secrets in the message") {
  for (std::string_view text :
       {"", "h/p", "ftp://h/", "http:/h", "http://", "http:///p", "http://h:0/", "http://h:65536/",
        "http://h:1x/", "http://[::1/", "http://[zz::]/", "http://[::1]x/", "http://u:p@h/",
        "http://h\r\n/", "http://h/\n", "http://a b/", "http://h%41/"}) {
    CAPTURE(text);
    Result<Url> url = Url::parse(text);
    REQUIRE(!url);
    CHECK(url.error().code == "bad_url");
  }
  CHECK(!Url::parse("http://user:secret@h/?sig=1").error().message.contains("secret"));
  CHECK(!Url::parse("http://h:x/?sig=1").error().message.contains("sig"));
}

TEST_CASE("references are resolved by RFC 3986") {
  std::string_view base = "http://a/b/c/d;p?q";
  CHECK(resolved(base, "g") == "http://a/b/c/g");
  CHECK(resolved(base, "./g") == "http://a/b/c/g");
  CHECK(resolved(base, "g/") == "http://a/b/c/g/");
  CHECK(resolved(base, "/g") == "http://a/g");
  CHECK(resolved(base, "//g") == "http://g/");
  CHECK(resolved(base, "?y") == "http://a/b/c/d;p?y");
  CHECK(resolved(base, "g?y") == "http://a/b/c/g?y");
  CHECK(resolved(base, "#s") == "http://a/b/c/d;p?q");
  CHECK(resolved(base, "") == "http://a/b/c/d;p?q");
  CHECK(resolved(base, ".") == "http://a/b/c/");
  CHECK(resolved(base, "..") == "http://a/b/");
  CHECK(resolved(base, "../g") == "http://a/b/g");
  CHECK(resolved(base, "../../../../g") == "http://a/g");
  CHECK(resolved(base, "/./g") == "http://a/g");
  CHECK(resolved(base, "/../g") == "http://a/g");
  CHECK(resolved(base, "g.") == "http://a/b/c/g.");
  CHECK(resolved(base, "..g") == "http://a/b/c/..g");
  CHECK(resolved(base, "./g/.") == "http://a/b/c/g/");
  CHECK(resolved(base, "g/../h") == "http://a/b/c/h");
  CHECK(resolved(base, "https://x:1/y?z") == "https://x:1/y?z");
  CHECK(resolved(base, "mailto:x@y") == "bad_url");
  CHECK(resolved(base, "/a\r\nb") == "bad_url");
}

TEST_CASE("an origin is scheme, host and port") {
  Url a = *Url::parse("http://h/x");
  CHECK(same_origin(a, *Url::parse("http://H:80/y")));
  CHECK(!same_origin(a, *Url::parse("https://h/x")));
  CHECK(!same_origin(a, *Url::parse("http://h:81/x")));
  CHECK(!same_origin(a, *Url::parse("http://g/x")));
}

TEST_CASE("percent coding") {
  CHECK(percent_encode("refs/pr/1") == "refs%2Fpr%2F1");
  CHECK(percent_encode("a b/\xc3\xa9~", "/") == "a%20b/%C3%A9~");
  CHECK(*percent_decode("refs%2Fpr%2f1+%00") == std::string("refs/pr/1+\0", 11));
  CHECK(!percent_decode("%"));
  CHECK(!percent_decode("%4"));
  CHECK(!percent_decode("%zz"));
  CHECK(*percent_decode("%41") == "A");
}

}  // namespace headrace
