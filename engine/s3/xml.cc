#include "engine/s3/xml.h"

#include <memory>

#include <expat.h>

namespace headrace {
namespace {

// Answers of S3 have five levels. What is far deeper was made to hurt.
constexpr std::size_t depth_max = 32;
// A page of 1,000 uploads or parts has about 12,000.
constexpr std::size_t elements_max = 100'000;

struct Builder {
  XML_Parser parser = nullptr;
  XmlElement top;                   // holds the outermost element
  std::vector<XmlElement*> open{};  // from `top` to the innermost
  std::size_t elements = 0;
  bool refused = false;

  void refuse() {
    refused = true;
    XML_StopParser(parser, XML_FALSE);
  }
};

void begin_element(void* data, const XML_Char* name, const XML_Char**) {
  Builder& builder = *static_cast<Builder*>(data);
  if (builder.refused) return;
  if (builder.open.size() > depth_max || ++builder.elements > elements_max) {
    builder.refuse();
    return;
  }
  std::string_view local = name;
  local.remove_prefix(local.rfind(':') + 1);
  // Growing this list moves its elements, but those are closed: only their ancestors are open.
  XmlElement& parent = *builder.open.back();
  parent.children.push_back({.name = std::string(local), .text = {}, .children = {}});
  builder.open.push_back(&parent.children.back());
}

void end_element(void* data, const XML_Char*) {
  Builder& builder = *static_cast<Builder*>(data);
  if (!builder.refused) builder.open.pop_back();
}

void add_text(void* data, const XML_Char* text, int size) {
  Builder& builder = *static_cast<Builder*>(data);
  if (!builder.refused) builder.open.back()->text.append(text, static_cast<std::size_t>(size));
}

void begin_doctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  static_cast<Builder*>(data)->refuse();
}

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
  for (const XmlElement& each : children) {
    if (each.name == wanted) return &each;
  }
  return nullptr;
}

std::string_view XmlElement::text_of(std::string_view wanted) const {
  const XmlElement* found = child(wanted);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

std::optional<XmlElement> parse_xml(std::string_view text) {
  constexpr std::size_t size_max = 16 << 20;
  if (text.size() > size_max) return std::nullopt;
  std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate(nullptr),
                                                                      &XML_ParserFree);
  if (!parser) return std::nullopt;
  Builder builder;
  builder.parser = parser.get();
  builder.open.push_back(&builder.top);
  XML_SetUserData(parser.get(), &builder);
  XML_SetElementHandler(parser.get(), begin_element, end_element);
  XML_SetCharacterDataHandler(parser.get(), add_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), begin_doctype);
  const XML_Status status =
      XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
  if (status != XML_STATUS_OK || builder.refused) return std::nullopt;
  return std::move(builder.top.children.front());
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace headrace
