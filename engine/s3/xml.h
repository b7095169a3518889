// xml.h: an answer in XML as a small tree, for messages_*.cc alone.
//
// Names are without their prefix; attributes, comments and the order among different names are
// left out. What could hurt is refused: a document type (and with it every entity of one's own),
// more than 32 levels, more than 100,000 elements. Pure; any thread. Never throws.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headrace {

struct XmlElement {
  std::string name;
  std::string text;  // of itself alone, as it stands
  std::vector<XmlElement> children;

  // The first of that name, null if there is none.
  const XmlElement* child(std::string_view name) const;
  // Its text, empty if it is not there.
  std::string_view text_of(std::string_view name) const;
};

// The outermost element; nothing where it is not XML as a whole, or is refused.
std::optional<XmlElement> parse_xml(std::string_view text);

// `text` as it may stand between two tags.
std::string xml_escaped(std::string_view text);

}  // namespace headrace
