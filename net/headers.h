// headers.h: the fields of one HTTP message, in the order they came.
// Names compare without case (RFC 9110 5.1); values are trimmed by whoever parses them. A value
// type; copies are deep.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headrace {

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  void add(std::string_view name, std::string_view value) { fields_.emplace_back(name, value); }
  // Replaces every field of that name by one.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  // The first field of that name; valid until the next change.
  std::optional<std::string_view> find(std::string_view name) const;
  std::string_view value_or(std::string_view name, std::string_view fallback) const {
    return find(name).value_or(fallback);
  }
  bool empty() const { return fields_.empty(); }
  std::size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// ASCII, without case.
bool same_name(std::string_view a, std::string_view b);

}  // namespace headrace
