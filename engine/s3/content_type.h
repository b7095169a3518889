// content_type.h: what kind of content a name promises, for those who look at objects in a browser.
// By the ending alone, in any case; application/octet-stream where it says nothing. Pure.
// Source: the IANA media type registry, and what /etc/mime.types of Debian gives.
#pragma once

#include <string_view>

namespace headrace {

std::string_view content_type_of(std::string_view path);

}  // namespace headrace
