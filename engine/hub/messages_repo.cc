#include <algorithm>

#include "engine/hub/json.h"
#include "engine/hub/messages.h"
#include "engine/hub/shapes.h"

namespace headrace {
namespace {

constexpr std::string_view stage_create = "create_repo";
constexpr std::string_view stage_info = "repo_info";
constexpr std::string_view stage_whoami = "whoami";
constexpr std::string_view stage_yaml = "validate_yaml";
constexpr std::string_view stage_discussion = "discussion";

Json repo_naming(const RepoId& repo) {
  Json json;
  json["name"] = repo.name;
  if (repo.owner.empty()) {
    json["organization"] = nullptr;
  } else {
    json["organization"] = repo.owner;
  }
  return json;
}

// The messages of a list of {"message": …}, or of a list of texts.
Result<std::vector<std::string>> message_list(const Json& object, const char* name) {
  std::vector<std::string> messages;
  const Json* list = field(object, name);
  if (list == nullptr || list->is_null()) return messages;
  if (!list->is_array()) {
    return fail(bad_answer(stage_yaml, fmt::format("'{}' is not a list", name)));
  }
  for (const Json& entry : *list) {
    const std::string* text =
        entry.is_string() ? entry.get_ptr<const std::string*>() : text_field(entry, "message");
    if (text == nullptr) {
      return fail(bad_answer(stage_yaml, fmt::format("an entry of '{}' has no message", name)));
    }
    messages.push_back(*text);
  }
  return messages;
}

void add_said(std::vector<std::string>& said, const std::string* text) {
  if (text == nullptr || text->empty()) return;
  if (std::find(said.begin(), said.end(), *text) == said.end()) said.push_back(*text);
}

void add_said(std::vector<std::string>& said, const Json* value) {
  if (value == nullptr) return;
  if (value->is_string()) add_said(said, value->get_ptr<const std::string*>());
  if (!value->is_array()) return;
  for (const Json& entry : *value) {
    if (entry.is_string()) add_said(said, entry.get_ptr<const std::string*>());
    if (entry.is_object()) add_said(said, text_field(entry, "message"));
  }
}

bool looks_like_html(std::string_view body) {
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  return begin != body.npos && body[begin] == '<';
}

}  // namespace

std::string create_repo_body(const RepoId& repo, const NewRepo& made) {
  Json json = repo_naming(repo);
  if (!made.visibility.empty()) json["visibility"] = made.visibility;
  json["type"] = name_of(repo.type);
  if (!made.space_sdk.empty()) json["sdk"] = made.space_sdk;
  if (!made.resource_group_id.empty()) json["resourceGroupId"] = made.resource_group_id;
  if (!made.region.empty()) json["region"] = made.region;
  return dump(json);
}

Result<std::string> parse_repo_location(std::string_view body) {
  Result<Json> json = parse_answer(stage_create, body);
  if (!json) return fail(std::move(json.error()));
  const std::string* url = text_field(*json, "url");
  if (url == nullptr) return fail(bad_answer(stage_create, "'url' is missing or not a text"));
  if (!is_web_url(*url)) return fail(bad_answer(stage_create, "'url' is not a web address"));
  return *url;
}

std::string delete_repo_body(const RepoId& repo) {
  Json json = repo_naming(repo);
  json["type"] = name_of(repo.type);
  return dump(json);
}

Result<RepoInfo> parse_repo_info(std::string_view body) {
  Result<Json> json = parse_answer(stage_info, body);
  if (!json) return fail(std::move(json.error()));
  const std::string* id = text_field(*json, "id");
  const std::string* sha = text_field(*json, "sha");
  if (id == nullptr) return fail(bad_answer(stage_info, "'id' is missing or not a text"));
  if (sha == nullptr || !is_hex(*sha, 40)) {
    return fail(bad_answer(stage_info, "'sha' is not the id of a commit"));
  }
  RepoInfo info{.id = *id, .sha = *sha, .is_private = false};
  if (const Json* is_private = field(*json, "private"); is_private != nullptr) {
    if (!is_private->is_boolean()) {
      return fail(bad_answer(stage_info, "'private' is neither true nor false"));
    }
    info.is_private = is_private->get<bool>();
  }
  return info;
}

std::string create_branch_body(const std::optional<std::string>& starting_point) {
  Json json = Json::object();
  if (starting_point) json["startingPoint"] = *starting_point;
  return dump(json);
}

Result<WhoAmI> parse_whoami(std::string_view body) {
  Result<Json> json = parse_answer(stage_whoami, body);
  if (!json) return fail(std::move(json.error()));
  const std::string* name = text_field(*json, "name");
  if (name == nullptr || name->empty()) {
    return fail(bad_answer(stage_whoami, "'name' is missing or not a text"));
  }
  WhoAmI who;
  who.name = *name;
  who.full_name = text_or_empty(*json, "fullname");
  who.type = text_or_empty(*json, "type");
  if (const Json* orgs = field(*json, "orgs"); orgs != nullptr && orgs->is_array()) {
    for (const Json& org : *orgs) {
      if (const std::string* org_name = text_field(org, "name")) who.orgs.push_back(*org_name);
    }
  }
  if (const Json* auth = field(*json, "auth"); auth != nullptr) {
    if (const Json* token = field(*auth, "accessToken"); token != nullptr) {
      who.token_name = text_or_empty(*token, "displayName");
      who.token_role = text_or_empty(*token, "role");
    }
  }
  return who;
}

std::string validate_yaml_body(std::string_view readme, RepoType type) {
  Json json;
  json["content"] = readme;
  json["repoType"] = name_of(type);
  return dump(json);
}

Result<YamlVerdict> parse_validate_yaml(std::string_view body) {
  Result<Json> json = parse_answer(stage_yaml, body);
  if (!json) return fail(std::move(json.error()));
  Result<std::vector<std::string>> errors = message_list(*json, "errors");
  if (!errors) return fail(std::move(errors.error()));
  Result<std::vector<std::string>> warnings = message_list(*json, "warnings");
  if (!warnings) return fail(std::move(warnings.error()));
  return YamlVerdict{.errors = std::move(*errors), .warnings = std::move(*warnings)};
}

std::string create_pull_request_body(std::string_view title, std::string_view description) {
  Json json;
  json["title"] = title;
  json["description"] = description;
  json["pullRequest"] = true;
  return dump(json);
}

Result<std::uint32_t> parse_discussion_number(std::string_view body) {
  Result<Json> json = parse_answer(stage_discussion, body);
  if (!json) return fail(std::move(json.error()));
  const std::optional<std::uint64_t> number = count_field(*json, "num");
  if (!number || *number == 0 || *number > 0xffffffffU) {
    return fail(bad_answer(stage_discussion, "'num' is not a number of a discussion"));
  }
  return static_cast<std::uint32_t>(*number);
}

std::string server_message_of(std::string_view body) {
  constexpr std::size_t shown_bytes_max = 1000;
  if (body.empty() || body.size() > answer_bytes_max) return {};
  const Json json = parse_json(body);
  if (json.is_discarded() || (!json.is_object() && !json.is_string())) {
    return looks_like_html(body) ? std::string() : redact_text(body, shown_bytes_max);
  }
  std::vector<std::string> said;
  if (json.is_string()) {
    add_said(said, &json);
  } else {
    const std::string* error = text_field(json, "error");
    const std::string* description = text_field(json, "error_description");
    if (error != nullptr && description != nullptr) {
      const std::string both = *error + ": " + *description;
      add_said(said, &both);
    } else {
      add_said(said, field(json, "error"));
    }
    add_said(said, field(json, "errors"));
    add_said(said, text_field(json, "message"));
  }
  std::string line;
  for (const std::string& text : said) {
    if (!line.empty()) line += "; ";
    line += text;
  }
  std::replace(line.begin(), line.end(), '\n', ' ');
  return redact_text(line, shown_bytes_max);
}

}  // namespace headrace
