#include "net/trust.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace headrace {
namespace {

namespace fs = std::filesystem;

// Files before folders: one file is read faster than some hundred.
constexpr std::array<const char*, 9> system_places = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Alpine, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",                   // older RHEL
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/var/lib/ca-certificates/ca-bundle.pem",             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine, Arch, Fedora, BSD
    "/etc/pki/tls/cert.pem",                              // RHEL
    "/etc/ssl/certs",                                     // with hashed names
    "/etc/pki/tls/certs",
};

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

Error unreadable(const Trust& trust, const std::string& path, std::string_view why) {
  return make_error(ErrorClass::fail, "ca_unreadable",
                    fmt::format("{} names {}, which cannot be read: {}", trust.source, path, why))
      .at("tls")
      .on_path(path)
      .hinting(
          fmt::format("correct {}: it names a file of trusted certificates in PEM", trust.source));
}

Error empty(const Trust& trust, const std::string& path, bool folder) {
  return make_error(ErrorClass::fail, "ca_empty",
                    fmt::format("{} names {}, which holds no certificate", trust.source, path))
      .at("tls")
      .on_path(path)
      .hinting(folder ? "name a file, or run `openssl rehash` on the folder"
                      : "name a file of trusted certificates in PEM");
}

bool ended_well() {
  unsigned long last = ERR_peek_last_error();
  bool end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return end;
}

// How many certificates of the file are now in the store.
Result<std::size_t> load_file(const Trust& trust, const std::string& path, X509_STORE& store) {
  ERR_clear_error();
  errno = 0;
  Owned<BIO> file(BIO_new_file(path.c_str(), "r"));
  if (!file) {
    int why = errno;
    ERR_clear_error();
    return fail(unreadable(trust, path, why == 0 ? "no file" : std::strerror(why)));
  }
  std::size_t count = 0;
  while (Owned<X509> one{PEM_read_bio_X509_AUX(file.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(&store, one.get());
    ++count;
  }
  if (ended_well()) return count;
  return fail(unreadable(trust, path, fmt::format("certificate {} in it is damaged", count + 1)));
}

// 0a1b2c3d.0
bool is_hashed_name(const std::string& name) {
  constexpr std::size_t digits = 8;
  if (name.size() <= digits + 1 || name[digits] != '.') return false;
  auto hex = [](unsigned char c) { return std::isxdigit(c) != 0; };
  auto decimal = [](unsigned char c) { return std::isdigit(c) != 0; };
  return std::all_of(name.begin(), name.begin() + digits, hex) &&
         std::all_of(name.begin() + digits + 1, name.end(), decimal);
}

Result<std::size_t> load_folder(const Trust& trust, const std::string& path, X509_STORE& store) {
  std::error_code failed;
  fs::directory_iterator entries(path, failed);
  if (failed) return fail(unreadable(trust, path, failed.message()));
  std::size_t count = 0;
  for (; entries != fs::directory_iterator(); entries.increment(failed)) {
    if (!is_hashed_name(entries->path().filename().string())) continue;
    Result<std::size_t> loaded = load_file(trust, entries->path().string(), store);
    if (!loaded) return loaded;
    count += *loaded;
  }
  if (failed) return fail(unreadable(trust, path, failed.message()));
  return count;
}

Result<LoadedTrust> load_named(const Trust& trust, const std::string& path, X509_STORE& store) {
  std::error_code failed;
  bool folder = fs::is_directory(path, failed);
  Result<std::size_t> count =
      folder ? load_folder(trust, path, store) : load_file(trust, path, store);
  if (!count) return fail(std::move(count.error()));
  if (*count == 0) return fail(empty(trust, path, folder));
  return LoadedTrust{.path = path, .certificates = *count};
}

// All folders of the list; one that holds nothing is no error as long as another does.
Result<LoadedTrust> load_list(const Trust& trust, X509_STORE& store) {
  LoadedTrust all{.path = trust.path, .certificates = 0};
  std::string_view rest = trust.path;
  while (!rest.empty()) {
    std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (folder.empty()) continue;
    Result<std::size_t> count = load_folder(trust, std::string(folder), store);
    if (!count) return fail(std::move(count.error()));
    all.certificates += *count;
  }
  if (all.certificates == 0) return fail(empty(trust, trust.path, true));
  return all;
}

Result<LoadedTrust> load_system(const Trust& trust, X509_STORE& store) {
  for (const char* place : system_places) {
    std::error_code failed;
    std::string path = trust.root + place;
    if (!fs::exists(path, failed)) continue;
    Result<LoadedTrust> loaded = load_named(trust, path, store);
    if (loaded) return loaded;
  }
  return fail(make_error(ErrorClass::fail, "ca_empty",
                         "this system has no trusted certificates in any of the usual places")
                  .at("tls")
                  .hinting("install them (the package is called ca-certificates), or name a file "
                           "of them with --ca-cert"));
}

}  // namespace

std::string Trust::text() const {
  return source.empty() ? std::string("the system's store") : source + " " + path;
}

Trust choose_trust(const std::optional<std::string>& flag, const TrustVariable& variable) {
  if (flag) return {.source = "--ca-cert", .path = *flag};
  for (const char* name :
       {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}) {
    std::optional<std::string> value = variable(name);
    if (value && !value->empty()) return {.source = name, .path = std::move(*value)};
  }
  return {};
}

Result<LoadedTrust> load_trust(const Trust& trust, X509_STORE& store) {
  if (trust.source.empty()) return load_system(trust, store);
  if (trust.source == "SSL_CERT_DIR") return load_list(trust, store);
  return load_named(trust, trust.path, store);
}

}  // namespace headrace
