#include "net/seal_rate.h"

#include <array>
#include <vector>

#include "net/record_sealer.h"

namespace headrace {
namespace {

constexpr std::size_t batch_records = 16;  // as TlsStream puts into one send

std::unique_ptr<RecordSealer> sealer_for(SealKey key) {
  constexpr std::array<std::byte, 48> secret{std::byte{1}, std::byte{2}, std::byte{3}};
  return key == SealKey::aes128 ? RecordSealer::make(0x1301, std::span(secret).first(32))
                                : RecordSealer::make(0x1302, secret);
}

}  // namespace

double seal_rate(const Clock& clock, SealKey key) {
  constexpr std::size_t size = RecordSealer::plain_size_max;
  constexpr std::size_t sealed_size = size + RecordSealer::added_size;
  std::unique_ptr<RecordSealer> sealer = sealer_for(key);
  if (!sealer) return 0;
  std::vector<std::byte> plain(batch_records * size, std::byte{0x5a});
  std::vector<std::byte> sealed(batch_records * sealed_size);
  bool good = true;
  double rate = step_rate(clock, plain.size(), [&] {
    for (std::size_t i = 0; i < batch_records; ++i) {
      std::span<const std::byte> record = std::span(plain).subspan(i * size, size);
      bool done = sealer->seal(RecordSealer::Type::application_data, record,
                               sealed.data() + i * sealed_size);
      good = good && done;
    }
  });
  return good ? rate : 0;
}

}  // namespace headrace
