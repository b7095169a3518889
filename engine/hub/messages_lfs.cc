#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

#include "engine/hub/json.h"
#include "engine/hub/messages.h"
#include "engine/hub/shapes.h"
#include "io/ascii.h"

namespace headrace {
namespace {

constexpr std::string_view stage_batch = "lfs_batch";

// A name that may stand in a request: RFC 9110 token characters.
bool is_header_name(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && name.size() <= 256 && std::all_of(name.begin(), name.end(), [=](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != marks.npos;
  });
}

bool is_header_value(std::string_view value) {
  return value.size() <= 16 * 1024 && std::all_of(value.begin(), value.end(), [](unsigned char c) {
           return c == '\t' || (c >= 0x20 && c != 0x7f);
         });
}

// What frames a request is ours alone to say.
bool frames_request(std::string_view name) {
  constexpr std::array<std::string_view, 6> framing = {
      "content-length", "transfer-encoding", "host", "connection", "expect", "upgrade"};
  return std::ranges::find(framing, lowered(name)) != framing.end();
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// One entry of "objects" as it was read; judged when all of it is known.
struct RawObject {
  std::string oid;
  std::optional<std::uint64_t> size;
  bool has_actions = false;
  bool has_upload = false;
  std::string upload_href;
  std::vector<LfsHeader> upload_headers;
  std::optional<std::uint64_t> chunk_size;
  std::vector<std::pair<std::uint64_t, std::string>> parts;  // number, URL
  std::optional<std::int64_t> expires_in_s;
  std::string expires_at;
  std::optional<LfsVerify> verify;
  bool has_error = false;
  int error_code = 0;
  std::string error_message;
};

// Reads the answer as a stream of events. `place_` is where in the known structure we are; what is
// unknown is skipped by counting brackets, however deep it goes.
class BatchReader : public nlohmann::json_sax<Json> {
 public:
  std::vector<RawObject> objects;
  bool has_objects = false;
  std::string fault;  // the first thing that was wrong

  bool null() override { return value_of_no_use(Kind::null); }
  bool boolean(bool) override { return value_of_no_use(Kind::other); }
  bool number_float(double, const std::string&) override { return value_of_no_use(Kind::other); }
  bool binary(nlohmann::json_sax<Json>::binary_t&) override { return value_of_no_use(Kind::other); }
  bool number_unsigned(std::uint64_t value) override { return number(value, false); }
  bool number_integer(std::int64_t value) override {
    return number(static_cast<std::uint64_t>(value), value < 0);
  }
  bool string(std::string& value) override;
  bool start_object(std::size_t) override;
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override;
  bool end_array() override { return leave(); }
  bool key(std::string& name) override {
    if (skip_depth_ == 0) key_.swap(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return wrong("it is not JSON");
  }

 private:
  enum class Place : std::uint8_t {
    outside,
    root,
    objects,
    object,
    actions,
    upload,
    upload_header,
    verify,
    verify_header,
    error
  };
  enum class Kind : std::uint8_t { null, other };

  bool wrong(std::string_view what) {
    if (fault.empty()) fault = what;
    return false;
  }
  Place place() const { return stack_.empty() ? Place::outside : stack_.back(); }
  RawObject& object() { return objects.back(); }
  bool enter(Place place) {
    stack_.push_back(place);
    key_.clear();
    return true;
  }
  bool skip() {
    ++skip_depth_;
    return true;
  }
  bool leave() {
    if (skip_depth_ > 0) {
      --skip_depth_;
    } else {
      stack_.pop_back();
    }
    return true;
  }
  bool value_of_no_use(Kind);
  bool number(std::uint64_t value, bool negative);
  bool upload_header(std::string& value);
  bool verify_header(std::string& value);
  // Whether a container begins where one is known; nothing if the key is unknown.
  std::optional<Place> object_place() const;

  std::vector<Place> stack_;
  std::string key_;
  std::size_t skip_depth_ = 0;
};

std::optional<BatchReader::Place> BatchReader::object_place() const {
  switch (place()) {
    case Place::outside:
      return Place::root;
    case Place::objects:
      return Place::object;
    case Place::object:
      if (key_ == "actions") return Place::actions;
      if (key_ == "error") return Place::error;
      return std::nullopt;
    case Place::actions:
      if (key_ == "upload") return Place::upload;
      if (key_ == "verify") return Place::verify;
      return std::nullopt;
    case Place::upload:
      if (key_ == "header") return Place::upload_header;
      return std::nullopt;
    case Place::verify:
      if (key_ == "header") return Place::verify_header;
      return std::nullopt;
    case Place::root:
    case Place::upload_header:
    case Place::verify_header:
    case Place::error:
      return std::nullopt;
  }
  return std::nullopt;
}

bool BatchReader::start_object(std::size_t) {
  if (skip_depth_ > 0) return skip();
  if (place() == Place::root && key_ == "objects") return wrong("'objects' is not a list");
  if (place() == Place::upload_header || place() == Place::verify_header) {
    return wrong("an entry of 'header' is not a text");
  }
  const std::optional<Place> next = object_place();
  if (!next) return skip();
  if (*next == Place::object) {
    if (objects.size() == batch_files_max * 4) return wrong("it names too many objects");
    objects.emplace_back();
  }
  if (*next == Place::actions) object().has_actions = true;
  if (*next == Place::upload) object().has_upload = true;
  if (*next == Place::verify) object().verify.emplace();
  if (*next == Place::error) object().has_error = true;
  return enter(*next);
}

bool BatchReader::start_array(std::size_t) {
  if (skip_depth_ > 0) return skip();
  if (place() == Place::outside) return wrong("it is not an object");
  if (place() == Place::objects) return wrong("an entry of 'objects' is not an object");
  if (place() == Place::root && key_ == "objects") {
    if (has_objects) return wrong("'objects' stands there twice");
    has_objects = true;
    return enter(Place::objects);
  }
  return value_of_no_use(Kind::other) && skip();
}

// A value that no known field may have, unless the field is not known at all.
bool BatchReader::value_of_no_use(Kind kind) {
  if (skip_depth_ > 0) return true;
  switch (place()) {
    case Place::outside:
      return wrong("it is not an object");
    case Place::root:
      return key_ != "objects" || wrong("'objects' is not a list");
    case Place::objects:
      return wrong("an entry of 'objects' is not an object");
    case Place::object:
      if (key_ == "oid") return wrong("'oid' is not a text");
      if (key_ == "size") return wrong("'size' is not a whole number");
      // A null here says no more than a missing field.
      if (kind == Kind::null) return true;
      return (key_ != "actions" && key_ != "error") || wrong("'actions' is not an object");
    case Place::actions:
      if (kind == Kind::null) return true;
      return (key_ != "upload" && key_ != "verify") || wrong("an action is not an object");
    case Place::upload:
    case Place::verify:
      if (key_ == "href") return wrong("'href' is not a text");
      if (kind == Kind::null) return true;
      return key_ != "header" || wrong("'header' is not an object");
    case Place::upload_header:
    case Place::verify_header:
      return wrong("an entry of 'header' is not a text");
    case Place::error:
      return true;
  }
  return true;
}

bool BatchReader::number(std::uint64_t value, bool negative) {
  if (skip_depth_ > 0) return true;
  if (place() == Place::upload_header && key_ == "chunk_size" && !negative) {
    object().chunk_size = value;
    return true;
  }
  if (place() == Place::object && key_ == "size" && !negative) {
    object().size = value;
    return true;
  }
  if (place() == Place::error && key_ == "code") {
    object().error_code = negative || value > 999 ? 0 : static_cast<int>(value);
    return true;
  }
  if (place() == Place::upload && key_ == "expires_in") {
    const bool sane = !negative && value <= 0x7fffffff;
    if (sane && value > 0) object().expires_in_s = static_cast<std::int64_t>(value);
    return true;
  }
  return value_of_no_use(Kind::other);
}

bool BatchReader::upload_header(std::string& value) {
  if (key_ == "chunk_size") {
    object().chunk_size = whole_number(value);
    return object().chunk_size.has_value() || wrong("'chunk_size' is not a whole number");
  }
  if (all_digits(key_)) {
    const std::optional<std::uint64_t> part = whole_number(key_);
    if (!part) return wrong("the number of a part is too large");
    if (object().parts.size() == parts_max) return wrong("it names more than 10,000 parts");
    if (!is_web_url(value)) return wrong("the URL of a part is not a web address");
    object().parts.emplace_back(*part, std::move(value));
    return true;
  }
  if (!is_header_name(key_) || !is_header_value(value)) {
    return wrong("an entry of 'header' cannot stand in a request");
  }
  if (!frames_request(key_)) object().upload_headers.push_back({key_, std::move(value)});
  return true;
}

bool BatchReader::verify_header(std::string& value) {
  if (!is_header_name(key_) || !is_header_value(value)) {
    return wrong("an entry of 'header' cannot stand in a request");
  }
  if (!frames_request(key_)) object().verify->headers.push_back({key_, std::move(value)});
  return true;
}

bool BatchReader::string(std::string& value) {
  if (skip_depth_ > 0) return true;
  switch (place()) {
    case Place::object:
      if (key_ != "oid") return value_of_no_use(Kind::other);
      object().oid = std::move(value);
      return true;
    case Place::upload:
      if (key_ == "href") {
        object().upload_href = std::move(value);
        return true;
      }
      if (key_ == "expires_at") {
        object().expires_at = value.substr(0, 64);
        return true;
      }
      return value_of_no_use(Kind::other);
    case Place::verify:
      if (key_ != "href") return value_of_no_use(Kind::other);
      object().verify->href = std::move(value);
      return true;
    case Place::upload_header:
      return upload_header(value);
    case Place::verify_header:
      return verify_header(value);
    case Place::error:
      if (key_ == "message") object().error_message = redact_text(value, 500);
      return true;
    case Place::outside:
    case Place::root:
    case Place::objects:
    case Place::actions:
      return value_of_no_use(Kind::other);
  }
  return true;
}

// Puts the URLs in the order of their numbers; what is wrong with them, empty if nothing is.
std::string order_parts(RawObject& raw, std::uint64_t size, std::vector<std::string>& urls) {
  const std::uint64_t chunk = *raw.chunk_size;
  if (chunk == 0) return "'chunk_size' is 0";
  if (size == 0) return "an empty object is to be sent in parts";
  const std::uint64_t count = (size - 1) / chunk + 1;
  if (raw.parts.size() != count) {
    return fmt::format("{} part URLs stand where {} bytes in parts of {} need {}", raw.parts.size(),
                       size, chunk, count);
  }
  urls.resize(raw.parts.size());
  for (auto& [number, url] : raw.parts) {
    if (number == 0 || number > count) return "the number of a part is out of range";
    if (!urls[number - 1].empty()) return "the number of a part stands there twice";
    urls[number - 1] = std::move(url);
  }
  return {};
}

// Makes an answer of what was read for `asked`; the text says what is wrong, empty if nothing is.
std::string judge(RawObject& raw, const LfsObject& asked, LfsAnswer& answer) {
  if (raw.has_error) {
    answer.transfer = LfsTransfer::refused;
    answer.error_code = raw.error_code;
    answer.error_message = std::move(raw.error_message);
    return {};
  }
  if (!raw.size) return "'size' is missing";
  if (*raw.size != asked.size) return "'size' is not the size that was asked for";
  if (raw.verify) {
    if (!is_web_url(raw.verify->href)) return "the 'href' of verify is not a web address";
    answer.verify = std::move(raw.verify);
  }
  if (!raw.has_upload) {
    answer.transfer = LfsTransfer::stored;
    answer.verify.reset();
    return {};
  }
  if (!is_web_url(raw.upload_href)) return "the 'href' of upload is not a web address";
  answer.href = std::move(raw.upload_href);
  answer.expires_in_s = raw.expires_in_s;
  answer.expires_at = std::move(raw.expires_at);
  if (!raw.chunk_size) {
    if (!raw.parts.empty()) return "part URLs stand there without a 'chunk_size'";
    answer.transfer = LfsTransfer::single;
    answer.headers = std::move(raw.upload_headers);
    return {};
  }
  answer.transfer = LfsTransfer::multipart;
  answer.chunk_size = *raw.chunk_size;
  return order_parts(raw, asked.size, answer.part_urls);
}

}  // namespace

std::string lfs_batch_body(std::span<const LfsObject> objects,
                           const std::optional<std::string>& ref) {
  Json json;
  json["operation"] = "upload";
  json["transfers"] = {"basic", "multipart"};
  Json& list = json["objects"] = Json::array();
  for (const LfsObject& object : objects) {
    Json& entry = list.emplace_back();
    entry["oid"] = object.oid;
    entry["size"] = object.size;
  }
  json["hash_algo"] = "sha256";
  if (ref) json["ref"]["name"] = *ref;
  return dump(json);
}

Result<std::vector<LfsAnswer>> parse_lfs_batch(std::string_view body,
                                               std::span<const LfsObject> asked) {
  if (body.size() > answer_bytes_max) {
    return fail(bad_answer(stage_batch, "it is larger than 16 MiB"));
  }
  BatchReader reader;
  if (!Json::sax_parse(body, &reader)) return fail(bad_answer(stage_batch, reader.fault));
  if (!reader.has_objects) return fail(bad_answer(stage_batch, "'objects' is missing"));
  std::unordered_map<std::string_view, RawObject*> by_oid;
  for (RawObject& raw : reader.objects) {
    if (!is_hex(raw.oid, 64)) return fail(bad_answer(stage_batch, "an 'oid' is not a SHA-256"));
    if (!by_oid.emplace(raw.oid, &raw).second) {
      return fail(bad_answer(stage_batch, "an object is named twice"));
    }
  }
  std::vector<LfsAnswer> answers(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto found = by_oid.find(asked[i].oid);
    const std::string wrong = found == by_oid.end() ? "an object asked for is missing"
                                                    : judge(*found->second, asked[i], answers[i]);
    if (!wrong.empty()) {
      return fail(bad_answer(stage_batch, fmt::format("{} (object {})", wrong, asked[i].oid)));
    }
    // The same object asked for twice in one call would find its URLs gone.
    by_oid.erase(found);
  }
  return answers;
}

std::string lfs_completion_body(const LfsObject& object, std::span<const std::string> etags) {
  Json json;
  json["oid"] = object.oid;
  Json& parts = json["parts"] = Json::array();
  for (std::size_t i = 0; i < etags.size(); ++i) {
    Json& part = parts.emplace_back();
    part["partNumber"] = i + 1;
    part["etag"] = etags[i];
  }
  return dump(json);
}

std::string completion_error(std::string_view body) {
  constexpr std::string_view open = "<Message>";
  if (body.find("<Error>") != std::string_view::npos) {
    std::size_t begin = body.find(open);
    std::size_t end = body.find("</Message>");
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
      return "an error without a message";
    }
    begin += open.size();
    return std::string(body.substr(begin, end - begin));
  }
  if (!body.starts_with('{')) return {};
  const Json json = parse_json(body);
  const Json* error = field(json, "error");
  if (error == nullptr || error->is_null()) return {};
  return error->is_string() ? error->get<std::string>() : std::string("an error without a message");
}

std::string lfs_verify_body(const LfsObject& object) {
  Json json;
  json["oid"] = object.oid;
  json["size"] = object.size;
  return dump(json);
}

}  // namespace headrace
