// digest_bench.cc: what digests cost, by algorithm, form and number of streams, over blocks that
// are in the cache. The forms are those of the CPU it runs on.
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include "io/digest/crc.h"
#include "io/digest/md5.h"
#include "io/digest/sha1.h"
#include "io/digest/sha256.h"

namespace headrace {
namespace {

constexpr std::size_t block_bytes = 256 << 10;  // what a stream hands in at once
constexpr std::size_t streams_max = 32;

std::span<const std::byte> block_of(std::size_t stream) {
  static const std::vector<std::string> blocks = [] {
    std::vector<std::string> made;
    for (std::size_t i = 0; i < streams_max; ++i) {
      made.emplace_back(block_bytes, static_cast<char>('a' + i));
    }
    return made;
  }();
  return std::as_bytes(std::span(blocks[stream]));
}

void count_bytes(benchmark::State& state, std::size_t each) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(each));
}

void openssl(benchmark::State& state, const EVP_MD* algorithm) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, algorithm, nullptr);
  for (auto _ : state) EVP_DigestUpdate(context, block_of(0).data(), block_bytes);
  EVP_MD_CTX_free(context);
  count_bytes(state, block_bytes);
}

// One form by itself, all of its lanes full.
void kernel(benchmark::State& state, const Kernel& form) {
  std::vector<std::array<std::uint32_t, 8>> values(form.lanes);
  std::vector<std::uint32_t*> states;
  std::vector<const std::byte*> data;
  for (std::size_t lane = 0; lane < form.lanes; ++lane) {
    states.push_back(values[lane].data());
    data.push_back(block_of(lane).data());
  }
  constexpr std::size_t blocks = block_bytes / digest_block_bytes;
  for (auto _ : state) form.run(states.data(), data.data(), blocks);
  count_bytes(state, form.lanes * block_bytes);
}

// As many streams as a worker has: what run_lanes makes of them.
template <class BlockDigest>
void streams(benchmark::State& state) {
  auto count = static_cast<std::size_t>(state.range(0));
  std::vector<BlockDigest> digests(count);
  std::vector<LaneInput> inputs(count);
  for (auto _ : state) {
    for (std::size_t i = 0; i < count; ++i) inputs[i] = digests[i].absorb(block_of(i));
    run_lanes(digests[0].kernels(), inputs);
  }
  count_bytes(state, count * block_bytes);
}

// A file's SHA-256 and its part's over the same bytes, which count once.
void whole_and_part(benchmark::State& state) {
  Sha256 whole;
  Sha256 part;
  for (auto _ : state) {
    std::array<LaneInput, 2> inputs = {whole.absorb(block_of(0)), part.absorb(block_of(0))};
    run_lanes(whole.kernels(), inputs);
  }
  count_bytes(state, block_bytes);
}

// A small file from its first byte to its name: the cost of beginning and ending one.
void sha256_small_file(benchmark::State& state) {
  auto size = static_cast<std::size_t>(state.range(0));
  Sha256 digest;
  for (auto _ : state) {
    digest.update(block_of(0).first(size));
    benchmark::DoNotOptimize(digest.finish());
  }
  count_bytes(state, size);
}

void git_blob_sha1(benchmark::State& state) {
  auto size = static_cast<std::size_t>(state.range(0));
  std::string file(size, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(git_blob_sha1_of(file));
  count_bytes(state, size);
}

// Over 256 KiB (in the cache) and 64 MiB (mostly not).
template <auto member>
void crc(benchmark::State& state, const CrcForm& form) {
  auto size = static_cast<std::size_t>(state.range(0));
  std::string bytes(size, 'x');
  std::span<const std::byte> span = std::as_bytes(std::span(bytes));
  auto value = (form.*member)(0, {});
  for (auto _ : state) value = (form.*member)(value, span);
  benchmark::DoNotOptimize(value);
  count_bytes(state, size);
}

void register_streams(const char* name, void (*function)(benchmark::State&)) {
  auto* made = benchmark::RegisterBenchmark(name, function);
  for (int count : {1, 2, 3, 4, 8, 12, 16, 17, 32}) made->Arg(count);
}

int register_all() {
  benchmark::RegisterBenchmark("sha256/openssl", openssl, EVP_sha256());
  benchmark::RegisterBenchmark("md5/openssl", openssl, EVP_md5());
  for (const KernelSet* set : {&sha256_kernels(), &md5_kernels()}) {
    for (const Kernel& form : set->all) {
      std::string name = fmt::format("{}/{}", set->algorithm, form.name);
      benchmark::RegisterBenchmark(name.c_str(), kernel, form);
    }
  }
  register_streams("SHA-256/streams", streams<Sha256>);
  register_streams("MD5/streams", streams<Md5>);
  benchmark::RegisterBenchmark("SHA-256/whole_and_part", whole_and_part);
  benchmark::RegisterBenchmark("SHA-256/small_file", sha256_small_file)->Arg(64)->Arg(4 << 10);
  benchmark::RegisterBenchmark("git_blob_sha1", git_blob_sha1)->Arg(4 << 10)->Arg(256 << 10);
  for (const CrcForm& form : crc_forms()) {
    std::string crc32c = fmt::format("crc32c/{}", form.name);
    std::string crc64 = fmt::format("crc64_nvme/{}", form.name);
    benchmark::RegisterBenchmark(crc32c.c_str(), crc<&CrcForm::crc32c>, form)
        ->Arg(256 << 10)
        ->Arg(64 << 20);
    benchmark::RegisterBenchmark(crc64.c_str(), crc<&CrcForm::crc64_nvme>, form)
        ->Arg(256 << 10)
        ->Arg(64 << 20);
  }
  return 0;
}
[[maybe_unused]] const int registered = register_all();

}  // namespace
}  // namespace headrace
