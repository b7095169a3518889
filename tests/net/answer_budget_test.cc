#include "net/answer_budget.h"

#include <doctest/doctest.h>

#include "tests/support/http.h"

namespace headrace {

TEST_CASE("a large answer waits until others have left room for it, a small one does not") {
  static constexpr std::size_t large = 2 * AnswerBudget::uncounted_bytes;
  AnswerBudget answers(large);
  NetLoop net({.network = {.answers = &answers}});
  net.handler.reply = [](const ScriptedHandler::Seen& seen) {
    ServerReply reply;
    reply.body.assign(seen.target == "/small" ? 1000 : large, 'x');
    return reply;
  };
  auto test = [](NetLoop& loop, AnswerBudget& budget) -> Task<void> {
    std::optional<Result<HttpAnswer>> second;
    auto get = [](NetLoop& asks, std::string target) -> Task<Result<HttpAnswer>> {
      HttpRequest request{.url = asks.url(target)};
      Result<HttpAnswer> answer = co_await asks.client.send(asks.scope(), request);
      co_return answer;
    };
    auto keep = [&get](NetLoop& asks, std::optional<Result<HttpAnswer>>& into) -> Task<void> {
      into = co_await get(asks, "/second");
    };
    std::optional<Result<HttpAnswer>> first = co_await get(loop, "/first");
    CHECK(budget.held_bytes() == large);
    Scope beside(loop.scope());
    beside.spawn(keep(loop, second));
    Result<HttpAnswer> small = co_await get(loop, "/small");
    CHECK(small->body.size() == 1000);
    co_await loop.loop.worker->sleep(beside, 100ms);
    CHECK(!second);
    first.reset();
    co_await beside.join();
    CHECK(second->value().body.size() == large);
    CHECK(budget.held_bytes() == large);
  };
  net.run(test(net, answers));
  CHECK(answers.held_bytes() == 0);
}

TEST_CASE("an answer that does not state its length is counted by the most it may have") {
  AnswerBudget answers(1000);
  NetLoop net({.network = {.answers = &answers}});
  std::string body(AnswerBudget::uncounted_bytes + 1, 'x');
  RawPeer peer(*net.loop.worker, {{.say = "HTTP/1.1 200 OK\r\n\r\n" + body}});
  HttpRequest request{.url = *Url::parse(loopback_url(peer.port, "/"))};
  request.answer_size_max = 1'000'000;
  auto test = [](NetLoop& loop, HttpRequest& get, AnswerBudget& budget) -> Task<void> {
    Result<HttpAnswer> answer = co_await loop.client.send(loop.scope(), get);
    CHECK(answer->body.size() == AnswerBudget::uncounted_bytes + 1);
    CHECK(budget.held_bytes() == 1'000'000);
  };
  net.run(test(net, request, answers), &peer);
}

}  // namespace headrace
