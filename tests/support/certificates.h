// certificates.h: certificates for tests, made as they are wanted.
//
// An Authority signs certificates for hosts, good ones unless told otherwise. All keys are P-256.
// Files are in PEM, in a folder that goes with its TestFolder.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

namespace headrace {

// A folder of a test's own.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "headrace-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;

  // Writes a file, with the folders above it; its path.
  std::string write(const std::string& name, std::string_view text) const {
    std::filesystem::path where = path_ / name;
    std::filesystem::create_directories(where.parent_path());
    std::ofstream(where, std::ios::binary) << text;
    return where.string();
  }
  std::string path(const std::string& name = {}) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

struct Certificate {
  std::shared_ptr<X509> x509;
  std::shared_ptr<EVP_PKEY> key;

  std::string pem() const {
    return text([this](BIO* out) { PEM_write_bio_X509(out, x509.get()); });
  }
  std::string key_pem() const {
    return text([this](BIO* out) {
      PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  unsigned long hash() const { return X509_subject_name_hash(x509.get()); }

 private:
  template <class Write>
  static std::string text(Write write) {
    BIO* out = BIO_new(BIO_s_mem());
    write(out);
    char* data = nullptr;
    long size = BIO_get_mem_data(out, &data);
    std::string result(data, static_cast<std::size_t>(size));
    BIO_free(out);
    return result;
  }
};

struct CertificateWish {
  std::string subject = "a server";
  std::string names = "DNS:localhost,IP:127.0.0.1";
  long from_s = -3600;  // from now on
  long until_s = 30L * 24 * 3600;
  bool authority = false;
};

// Signed by `issuer`, or by itself.
inline Certificate make_certificate(const CertificateWish& wish,
                                    const Certificate* issuer = nullptr) {
  static long serial = 1;
  Certificate made{{X509_new(), X509_free}, {EVP_EC_gen("P-256"), EVP_PKEY_free}};
  X509* x509 = made.x509.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x509), wish.from_s);
  X509_gmtime_adj(X509_getm_notAfter(x509), wish.until_s);
  X509_set_pubkey(x509, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.subject.c_str()), -1, -1,
                             0);
  const Certificate& signer = issuer ? *issuer : made;
  X509_set_issuer_name(x509, X509_get_subject_name(signer.x509.get()));
  X509V3_CTX context;
  X509V3_set_ctx(&context, signer.x509.get(), x509, nullptr, nullptr, 0);
  auto add = [&](int kind, const std::string& value) {
    if (value.empty()) return;
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    REQUIRE(extension != nullptr);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  };
  add(NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add(NID_subject_key_identifier, "hash");
  if (issuer) add(NID_authority_key_identifier, "keyid");
  if (!wish.authority) add(NID_subject_alt_name, wish.names);
  REQUIRE(X509_sign(x509, signer.key.get(), EVP_sha256()) > 0);
  return made;
}

inline Certificate make_authority(const std::string& subject = "a test's authority") {
  return make_certificate({.subject = subject, .names = "", .authority = true});
}

}  // namespace headrace
