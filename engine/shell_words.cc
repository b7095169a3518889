#include "engine/shell_words.h"

namespace headrace {
namespace {

constexpr std::string_view separators = " \t\r\n";

// Appends what stands in quotes that begin at `at`, and leaves `at` behind them; false where they
// don't end. In double quotes a backslash stands for itself but before another or a quote.
bool read_quoted(std::string_view text, std::size_t& at, std::string& word) {
  const char quote = text[at++];
  while (at < text.size() && text[at] != quote) {
    const bool escapes = quote == '"' && text[at] == '\\';
    if (escapes && at + 1 == text.size()) return false;
    if (escapes && (text[at + 1] == '\\' || text[at + 1] == '"')) ++at;
    word += text[at++];
  }
  return at++ < text.size();
}

}  // namespace

std::optional<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(separators, at)) != text.npos) {
    std::string word;
    while (at < text.size() && !separators.contains(text[at])) {
      if (text[at] == '"' || text[at] == '\'') {
        if (!read_quoted(text, at, word)) return std::nullopt;
        continue;
      }
      if (text[at] == '\\' && ++at == text.size()) return std::nullopt;
      word += text[at++];
    }
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace headrace
