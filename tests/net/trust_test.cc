#include "net/trust.h"

#include <map>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <openssl/x509.h>

#include "tests/support/certificates.h"

namespace headrace {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

Trust chosen(const std::optional<std::string>& flag, const Variables& variables) {
  return choose_trust(flag, [&](std::string_view name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

Result<LoadedTrust> loaded(const Trust& trust) {
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), X509_STORE_free);
  Result<LoadedTrust> result = load_trust(trust, *store);
  if (result) {
    STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store.get());
    CHECK(static_cast<std::size_t>(sk_X509_OBJECT_num(objects)) == result->certificates);
  }
  return result;
}

std::string hashed_name(const Certificate& certificate) {
  return fmt::format("{:08x}.0", certificate.hash());
}

}  // namespace

TEST_CASE("the first that is named counts, and one that is empty is not named") {
  Variables all = {{"SSL_CERT_FILE", "1"},
                   {"SSL_CERT_DIR", "2"},
                   {"REQUESTS_CA_BUNDLE", "3"},
                   {"CURL_CA_BUNDLE", "4"}};
  CHECK(chosen("0", all).source == "--ca-cert");
  CHECK(chosen("0", all).path == "0");
  for (const char* name :
       {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}) {
    CHECK(chosen({}, all).source == name);
    CHECK(chosen({}, all).path == all[name]);
    all[name] = "";
  }
  CHECK(chosen({}, all).source == "");
  CHECK(chosen({}, {}).text() == "the system's store");
  CHECK(chosen({}, {{"SSL_CERT_DIR", "/a:/b"}}).text() == "SSL_CERT_DIR /a:/b");
}

TEST_CASE("a file of certificates") {
  TestFolder folder;
  std::string two = make_authority("one").pem() + "words between\n" + make_authority("two").pem();
  Trust trust{.source = "CURL_CA_BUNDLE", .path = folder.write("two.pem", two)};
  Result<LoadedTrust> result = loaded(trust);
  REQUIRE(result);
  CHECK(result->certificates == 2);
  CHECK(result->path == trust.path);
}

TEST_CASE("a file that is missing, empty, of something else, or damaged") {
  TestFolder folder;
  Certificate certificate = make_authority();
  std::string damaged = certificate.pem() + certificate.pem();
  damaged[certificate.pem().size() + 100] = '!';
  folder.write("folder/" + hashed_name(certificate), damaged);
  struct Row {
    std::string path;
    const char* code;
  };
  const Row rows[] = {{folder.path("nowhere"), "ca_unreadable"},
                      {folder.write("empty", ""), "ca_empty"},
                      {folder.write("key", certificate.key_pem()), "ca_empty"},
                      {folder.write("words", "no certificate\n"), "ca_empty"},
                      {folder.write("damaged", damaged), "ca_unreadable"},
                      {folder.path("folder"), "ca_unreadable"}};
  for (const char* source : {"--ca-cert", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}) {
    for (const Row& row : rows) {
      Result<LoadedTrust> result = loaded({.source = source, .path = row.path});
      REQUIRE(!result);
      CHECK(result.error().code == row.code);
      CHECK(result.error().kind == ErrorClass::fail);
      CHECK(result.error().stage == "tls");
      CHECK(result.error().message.contains(source));
      CHECK(result.error().path.starts_with(folder.path()));
      CHECK(!result.error().hint.empty());
    }
  }
}

TEST_CASE("folders count by hashed names, and SSL_CERT_DIR lists several") {
  TestFolder folder;
  Certificate one = make_authority("one");
  Certificate two = make_authority("two");
  folder.write("a/" + hashed_name(one), one.pem());
  folder.write("a/README", "no certificate");
  folder.write("a/other.pem", two.pem());
  folder.write("b/" + hashed_name(two), two.pem());
  folder.write("plain/one.pem", one.pem());
  std::string a = folder.path("a");
  std::string b = folder.path("b");
  CHECK(loaded({.source = "REQUESTS_CA_BUNDLE", .path = a})->certificates == 1);
  CHECK(loaded({.source = "SSL_CERT_DIR", .path = a + "::" + b})->certificates == 2);
  CHECK(loaded({.source = "SSL_CERT_DIR", .path = folder.path("plain") + ":" + b})->certificates ==
        1);
  Result<LoadedTrust> none = loaded({.source = "SSL_CERT_DIR", .path = folder.path("plain")});
  REQUIRE(!none);
  CHECK(none.error().code == "ca_empty");
  CHECK(none.error().hint.contains("rehash"));
  CHECK(loaded({.source = "SSL_CERT_DIR", .path = a + ":" + folder.path("no")}).error().code ==
        "ca_unreadable");
}

TEST_CASE("the system's store, wherever it is kept") {
  const std::string pem = make_authority().pem();
  for (const char* place :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/var/lib/ca-certificates/ca-bundle.pem", "/etc/ssl/cert.pem", "/etc/pki/tls/cert.pem"}) {
    TestFolder root;
    std::string written = root.write(place + 1, pem);
    Result<LoadedTrust> result = loaded({.source = {}, .path = {}, .root = root.path() + "/"});
    REQUIRE(result);
    CHECK(result->certificates == 1);
    CHECK(std::filesystem::equivalent(result->path, written));
  }
  TestFolder hashed;
  Certificate certificate = make_authority();
  hashed.write("etc/ssl/certs/" + hashed_name(certificate), certificate.pem());
  CHECK(loaded({.source = {}, .path = {}, .root = hashed.path()})->certificates == 1);
  // A place that is there and holds nothing does not end the search.
  TestFolder second;
  second.write("etc/ssl/certs/ca-certificates.crt", "");
  second.write("etc/ssl/cert.pem", pem);
  CHECK(loaded({.source = {}, .path = {}, .root = second.path()})->path.ends_with("cert.pem"));
  TestFolder nothing;
  Result<LoadedTrust> none = loaded({.source = {}, .path = {}, .root = nothing.path()});
  REQUIRE(!none);
  CHECK(none.error().code == "ca_empty");
  CHECK(none.error().hint.contains("ca-certificates"));
}

TEST_CASE("the store of this system is found") {
  Result<LoadedTrust> result = loaded({});
  REQUIRE(result);
  CHECK(result->certificates > 50);
}

}  // namespace headrace
