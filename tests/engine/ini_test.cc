#include "engine/ini.h"

#include <doctest/doctest.h>

#include "engine/shell_words.h"

namespace headrace {
namespace {

std::string value_of(const std::vector<IniSection>& sections, std::string_view section,
                     std::string_view option) {
  for (const IniSection& each : sections) {
    if (each.name != section) continue;
    const std::string* value = find_option(each.options, option);
    return value == nullptr ? "(none)" : *value;
  }
  return "(no section)";
}

}  // namespace

TEST_CASE("INI: sections, options, comments, values over several lines") {
  const auto sections = parse_ini(
      "# top\r\n[a b]\r\nKey = value = 1 # not a comment\r\n  more\r\n\r\n  still\r\nother: x:y\r\n"
      "; gone\nempty =\n[c]\n nested =\n   one = 1\n   # gone too\n\n   two=2\n last = z\n");
  REQUIRE(sections.has_value());
  CHECK(sections->size() == 2);
  CHECK(value_of(*sections, "a b", "key") == "value = 1 # not a comment\nmore\n\nstill");
  CHECK(value_of(*sections, "a b", "other") == "x:y");
  CHECK(value_of(*sections, "a b", "empty").empty());
  CHECK(value_of(*sections, "c", "last") == "z");
  const auto nested = nested_options(value_of(*sections, "c", "nested"));
  REQUIRE(nested.has_value());
  CHECK(nested->size() == 2);
  CHECK(*find_option(*nested, "one") == "1");
  CHECK(*find_option(*nested, "two") == "2");
  CHECK(nested_options("plain = value").value().empty());
  CHECK_FALSE(nested_options("\nno sign").has_value());
}

TEST_CASE("INI: what configparser refuses, with the line and without its text") {
  for (const char* bad : {"a = 1\n", "[s]\na = 1\nA = 2\n", "[s]\n[s]\n", "[s]\nnothing\n",
                          "[s]\n= 1\n", "[]\n", "[s]\na = \xff\n"}) {
    CAPTURE(bad);
    const auto sections = parse_ini(bad);
    REQUIRE_FALSE(sections.has_value());
    CHECK(sections.error().code == "bad_ini");
  }
  CHECK(parse_ini("[s]\na = 1\n\nMYSECRET\n").error().message.contains("line 4"));
}

TEST_CASE("INI: DEFAULT is in every section") {
  const auto sections = parse_ini("[DEFAULT]\na = 1\nb = 2\n[s]\nb = 3\n[DEFAULT]\nc = 4\n");
  REQUIRE(sections.has_value());
  CHECK(sections->size() == 1);
  CHECK(value_of(*sections, "s", "a") == "1");
  CHECK(value_of(*sections, "s", "b") == "3");
  CHECK(value_of(*sections, "s", "c") == "4");
}

TEST_CASE("words as shlex splits them") {
  struct Row {
    const char* text;
    std::vector<std::string> words;
  };
  const Row rows[] = {
#include "tests/engine/words_table.inc"
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto words = split_words(row.text);
    REQUIRE(words.has_value());
    CHECK(*words == row.words);
  }
  for (const char* bad : {"'", "\"", "a 'b", "a\\", "\"a\\", "\"a\\\""}) {
    CAPTURE(bad);
    CHECK_FALSE(split_words(bad).has_value());
  }
}

}  // namespace headrace
