#include "engine/ini.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "engine/utf8.h"
#include "io/ascii.h"

namespace headrace {
namespace {

constexpr std::string_view blanks = " \t\v\f\r\n";

std::string_view stripped(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string_view without_tail(std::string_view text) {
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

std::unexpected<Error> bad_ini(std::size_t line, std::string_view why) {
  return fail(
      make_error(ErrorClass::fail, "bad_ini", fmt::format("line {} {}", line, why)).at("settings"));
}

// Takes a line off, which ends with a line feed, a carriage return or both.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + (text.substr(end).starts_with("\r\n") ? 2 : 1)));
  return line;
}

class IniReader {
 public:
  Status read(std::string_view text) {
    for (number_ = 1; !text.empty(); ++number_) {
      if (Status status = read_line(take_line(text)); !status) return status;
    }
    for (IniSection& section : sections_) finish(section.options);
    finish(defaults_);
    return {};
  }

  std::vector<IniSection> sections() && {
    for (IniSection& section : sections_) {
      for (const auto& [name, value] : defaults_) {
        if (find_option(section.options, name) == nullptr) {
          section.options.emplace_back(name, value);
        }
      }
    }
    return std::move(sections_);
  }

 private:
  Status read_line(std::string_view line) {
    const std::string_view text = stripped(line);
    if (text.empty()) {
      if (has_option_) options_->back().second += '\n';
      return {};
    }
    if (text.starts_with('#') || text.starts_with(';')) return {};
    const std::size_t depth = line.find_first_not_of(blanks);
    if (has_option_ && depth > depth_) {
      options_->back().second += '\n';
      options_->back().second += text;
      return {};
    }
    depth_ = depth;
    const std::size_t close = text.rfind(']');
    if (text.starts_with('[') && close != text.npos && close > 1) {
      return begin_section(text.substr(1, close - 1));
    }
    return begin_option(text);
  }

  Status begin_section(std::string_view name) {
    has_option_ = false;
    if (name == "DEFAULT") {
      options_ = &defaults_;
      return {};
    }
    for (const IniSection& section : sections_) {
      if (section.name == name) return bad_ini(number_, "begins a section that is there already");
    }
    sections_.push_back({.name = std::string(name), .options = {}});
    options_ = &sections_.back().options;
    return {};
  }

  Status begin_option(std::string_view text) {
    if (options_ == nullptr) return bad_ini(number_, "stands before the first section");
    const std::size_t sign = text.find_first_of("=:");
    if (sign == text.npos) return bad_ini(number_, "is neither an option nor a section");
    const std::string name = lowered(without_tail(text.substr(0, sign)));
    if (name.empty()) return bad_ini(number_, "has no name before its value");
    if (find_option(*options_, name) != nullptr) {
      return bad_ini(number_, "gives an option that its section has already");
    }
    options_->emplace_back(name, stripped(text.substr(sign + 1)));
    has_option_ = true;
    return {};
  }

  static void finish(IniOptions& options) {
    for (auto& [name, value] : options) value.resize(without_tail(value).size());
  }

  std::vector<IniSection> sections_;
  IniOptions defaults_;
  IniOptions* options_ = nullptr;  // of the section that is being read
  bool has_option_ = false;        // a deeper line belongs to the last option
  std::size_t depth_ = std::numeric_limits<std::size_t>::max();
  std::size_t number_ = 0;
};

}  // namespace

Result<std::vector<IniSection>> parse_ini(std::string_view text) {
  if (!is_valid_utf8(text)) {
    return fail(make_error(ErrorClass::fail, "bad_ini", "this is not UTF-8").at("settings"));
  };
  IniReader reader;
  if (Status status = reader.read(text); !status) return fail(std::move(status.error()));
  return std::move(reader).sections();
}

const std::string* find_option(const IniOptions& options, std::string_view name) {
  for (const auto& [each, value] : options) {
    if (each == name) return &value;
  }
  return nullptr;
}

void set_option(IniOptions& options, std::string_view name, std::string_view value) {
  for (auto& [each, held] : options) {
    if (each == name) {
      held = value;
      return;
    }
  }
  options.emplace_back(name, value);
}

Result<IniOptions> nested_options(std::string_view value) {
  IniOptions options;
  if (!value.starts_with('\n')) return options;
  while (!value.empty()) {
    const std::string_view line = stripped(take_line(value));
    if (line.empty()) continue;
    const std::size_t sign = line.find('=');
    if (sign == line.npos) {
      return fail(make_error(ErrorClass::fail, "bad_ini", "an indented line has no = in it")
                      .at("settings"));
    }
    set_option(options, stripped(line.substr(0, sign)), stripped(line.substr(sign + 1)));
  }
  return options;
}

}  // namespace headrace
