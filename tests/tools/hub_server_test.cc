// The hub on a real port, spoken to by plain sockets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/random_bytes.h"
#include "tests/tools/hub_fixture.h"
#include "tools/hub/server.h"

namespace headrace::hub {
namespace {

class Connection {
 public:
  explicit Connection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(std::string_view text) {
    while (!text.empty()) {
      ssize_t count = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return;  // the other side has heard enough; its answer is read
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  // One answer: its head, and as many bytes as that says unless HEAD was asked.
  std::string answer(bool asks_head) {
    std::string text = head();
    std::size_t at = text.find("content-length: ");
    if (at == std::string::npos) at = text.find("Content-Length: ");
    if (asks_head || at == std::string::npos) return text;
    std::size_t left = std::stoull(text.substr(at + 16));
    std::vector<char> piece(65536);
    while (left > 0) {
      ssize_t count = ::recv(socket_, piece.data(), std::min(left, piece.size()), 0);
      if (count <= 0) break;
      text.append(piece.data(), static_cast<std::size_t>(count));
      left -= static_cast<std::size_t>(count);
    }
    return text;
  }
  // Up to and with the blank line of the next head.
  std::string head() {
    std::string text;
    for (char c; !text.ends_with("\r\n\r\n") && ::recv(socket_, &c, 1, 0) == 1;) text += c;
    return text;
  }

 private:
  int socket_;
};

struct Served {
  Served() {
    hub.create();
    auto started = HubServer::start(*hub.protocol, {});
    REQUIRE_MESSAGE(started, started.error().message);
    server = std::move(*started);
    hub.origin = fmt::format("http://127.0.0.1:{}", server->port());
  }
  // One request on a connection of its own; the whole answer.
  std::string ask(std::string_view method, std::string_view target, std::string_view body = "",
                  std::string_view fields = "") {
    Connection connection(server->port());
    connection.send(head(method, target, body.size(), fields));
    connection.send(body);
    return connection.answer(method == "HEAD");
  }
  std::string head(std::string_view method, std::string_view target, std::size_t size,
                   std::string_view fields = "") const {
    return fmt::format(
        "{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer t\r\nConnection: close\r\n"
        "Content-Length: {}\r\n{}\r\n",
        method, target, server->port(), size, fields);
  }
  std::string path_of(const std::string& url) const { return url.substr(hub.origin.size()); }

  Hub hub{make_memory_store(), {.multipart_threshold = 2'000'000, .part_size = 1'500'000}};
  std::unique_ptr<HubServer> server;
};

TEST_CASE("an object goes up in parts, into a commit, and down again") {
  Served served;
  std::string content = random_bytes(1, 4'000'000), oid = sha256_hex(content);
  Json upload = served.hub.batch(oid, content.size())["actions"]["upload"];
  Json parts = Json::array();
  for (std::size_t i = 0; i < 3; ++i) {
    std::string url = upload["header"][fmt::format("{:05}", i + 1)];
    std::string answer =
        served.ask("PUT", served.path_of(url), content.substr(i * 1'500'000, 1'500'000));
    CHECK(answer.starts_with("HTTP/1.1 200 "));
    std::size_t etag = answer.find("ETag: ") + 6;
    parts.push_back({{"partNumber", i + 1}, {"etag", answer.substr(etag, 34)}});
  }
  std::string completion = Json({{"oid", oid}, {"parts", parts}}).dump();
  CHECK(
      served.ask("POST", served.path_of(upload["href"]), completion).starts_with("HTTP/1.1 200 "));
  std::string lines = Hub::header_line() + Hub::lfs_line("f.bin", oid, content.size());
  std::string answer = served.ask("POST", "/api/models/me/r/commit/main", lines);
  CHECK(answer.contains(served.hub.origin + "/me/r/commit/"));
  answer = served.ask("GET", "/me/r/resolve/main/f.bin");
  CHECK(answer.substr(answer.find("\r\n\r\n") + 4) == content);
  answer = served.ask("GET", "/me/r/resolve/main/f.bin", "", "Range: bytes=1000000-2999999\r\n");
  CHECK(answer.starts_with("HTTP/1.1 206 "));
  CHECK(answer.substr(answer.find("\r\n\r\n") + 4) == content.substr(1'000'000, 2'000'000));
  answer = served.ask("HEAD", "/me/r/resolve/main/f.bin");
  CHECK(answer.contains("Content-Length: 4000000\r\n"));
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("a body that is cut off leaves nothing, a refused one is answered") {
  Served served;
  std::string content = random_bytes(1, 3'000'000), oid = sha256_hex(content);
  Json upload = served.hub.batch(oid, content.size())["actions"]["upload"];
  std::string first = served.path_of(upload["header"]["00001"]);
  {
    Connection connection(served.server->port());
    connection.send(served.head("PUT", first, 1'500'000));
    connection.send(std::string_view(content).substr(0, 1'200'000));
  }
  {
    Connection connection(served.server->port());
    connection.send(served.head("POST", "/api/models/me/r/commit/main", 1'000'000));
    connection.send(Hub::header_line() + Hub::file_line("half", "x"));
  }
  std::string wrong = first + "0";
  CHECK(served.ask("PUT", wrong, std::string(1'500'000, 'x')).contains("SignatureDoesNotMatch"));
  CHECK(served.ask("PUT", first, std::string(1'500'001, 'x')).starts_with("HTTP/1.1 400 "));
  CHECK(served.ask("POST", "/api/repos/create", std::string(17'000'000, 'x'))
            .starts_with("HTTP/1.1 413 "));
  CHECK(served.ask("PUT", first, content.substr(0, 1'500'000)).starts_with("HTTP/1.1 200 "));
  CHECK(served.hub.read("half") == "status 404");
}

TEST_CASE("100 comes before a body that is wanted, and not before one that is refused") {
  Served served;
  std::string content = random_bytes(1, 100), oid = sha256_hex(content);
  std::string url = served.hub.batch(oid, 100)["actions"]["upload"]["href"];
  std::string path = served.path_of(url);
  Connection wanted(served.server->port());
  wanted.send(served.head("PUT", path, 100, "Expect: 100-continue\r\n"));
  CHECK(wanted.head().starts_with("HTTP/1.1 100 "));
  wanted.send(content);
  CHECK(wanted.head().starts_with("HTTP/1.1 200 "));
  Connection refused(served.server->port());
  refused.send(served.head("PUT", path + "0", 100, "Expect: 100-continue\r\n"));
  CHECK(refused.head().starts_with("HTTP/1.1 403 "));
}

TEST_CASE("a hub stops while a body is coming") {
  Served served;
  std::string content = random_bytes(1, 3'000'000), oid = sha256_hex(content);
  Json upload = served.hub.batch(oid, content.size())["actions"]["upload"];
  Connection connection(served.server->port());
  connection.send(served.head("PUT", served.path_of(upload["header"]["00001"]), 1'500'000));
  connection.send(std::string_view(content).substr(0, 1'100'000));
  served.server.reset();
  CHECK(served.hub.json("GET", "/api/models/me/r")["id"] == "me/r");
}

}  // namespace
}  // namespace headrace::hub
