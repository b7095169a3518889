#include "engine/s3/xml.h"

#include <doctest/doctest.h>

namespace headrace {

TEST_CASE("XML: names, texts and children") {
  const auto top = parse_xml(
      "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c --><x:A xmlns:x=\"u\" "
      "y=\"1\">"
      "<B>one &amp; &#x32;</B>t<B><![CDATA[<2>]]></B><C/></x:A>\n");
  REQUIRE(top.has_value());
  CHECK(top->name == "A");
  CHECK(top->text == "t");
  REQUIRE(top->children.size() == 3);
  CHECK(top->text_of("B") == "one & 2");
  CHECK(top->children[1].text == "<2>");
  CHECK(top->child("C") != nullptr);
  CHECK(top->child("D") == nullptr);
  CHECK(top->text_of("D").empty());
}

TEST_CASE("XML: what is cut short or has more than one outermost element is none") {
  const std::string_view whole = "<A><B>text</B><C/></A>";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(parse_xml(whole.substr(0, size)).has_value());
  }
  CHECK(parse_xml(whole).has_value());
  for (const char* bad : {"", "text", "{}", "<A/><B/>", "<A></B>", "<A>\xff</A>", "<A>&x;</A>",
                          "<A/>tail", "<A b></A>"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_xml(bad).has_value());
  }
}

TEST_CASE("XML: what is made to hurt is refused") {
  CHECK_FALSE(parse_xml("<!DOCTYPE A><A/>").has_value());
  CHECK_FALSE(
      parse_xml("<!DOCTYPE A [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><A>&b;</A>").has_value());
  CHECK_FALSE(
      parse_xml("<!DOCTYPE A [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><A>&x;</A>").has_value());
  const auto nested = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += "<A>";
    for (std::size_t i = 0; i < depth; ++i) text += "</A>";
    return text;
  };
  CHECK(parse_xml(nested(32)).has_value());
  CHECK_FALSE(parse_xml(nested(33)).has_value());
  CHECK_FALSE(parse_xml(nested(200'000)).has_value());
  std::string many = "<A>";
  for (int i = 0; i < 100'000; ++i) many += "<B/>";
  many += "</A>";
  CHECK_FALSE(parse_xml(many).has_value());
  CHECK_FALSE(parse_xml("<A>" + std::string(17 << 20, 'x') + "</A>").has_value());
}

TEST_CASE("XML: what is escaped reads the same") {
  const std::string text = "a<b>&\"c'\xc3\xa9";
  CHECK(parse_xml("<A>" + xml_escaped(text) + "</A>").value().text == text);
}

}  // namespace headrace
