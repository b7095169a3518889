#include "engine/scheduler.h"

#include <bit>
#include <cstring>

#include "io/planted.h"

namespace headrace {
namespace {

// Parts confirmed for one count for the other.
bool same_upload(const Target& a, const Target& b) {
  return !a.upload_name().empty() && a.upload_name() == b.upload_name() &&
         a.part_count() == b.part_count();
}

// Nothing is late before this: a second try would cost more than it wins.
constexpr Duration late_min = 300ms;

// What stands in the ledger for the oid of an object that is one file: of no size, so it can't be
// taken for a digest.
DigestValue lone_name(FileIndex index) {
  DigestValue name;
  std::memcpy(name.bytes.data(), &index, sizeof index);
  return name;
}

}  // namespace

FileIndex Scheduler::add(FileRecord file) {
  files_.push_back(std::move(file));
  ++files_open_;
  return static_cast<FileIndex>(files_.size() - 1);
}

std::optional<Work> Scheduler::next(Lane lane, Time now) {
  std::optional<Work> work;
  if (lane == Lane::send) {
    work = next_send(now);
    if (work && !first_send_) first_send_ = now;
  } else if (lane == Lane::digest) {
    work = next_digest();
  } else {
    work = next_control(now);
  }
  if (work) ++works_out_;
  return work;
}

std::optional<Work> Scheduler::next_digest() {
  if (to_digest_.empty()) return std::nullopt;
  QueuedDigest queued = to_digest_.top();
  bool fits = digest_bytes_out_ + queued.size <= limits_.digest_bytes_max;
  if (!fits && digests_out_ >= limits_.digests_min) return std::nullopt;
  to_digest_.pop();
  ++digests_out_;
  digest_bytes_out_ += queued.size;
  return DigestFile{queued.file};
}

void Scheduler::digest_ended(const FileRecord& file) {
  --works_out_;
  --digests_out_;
  digest_bytes_out_ -= file.size;
}

std::optional<Work> Scheduler::next_control(Time now) {
  if (!to_finish_.empty()) {
    ObjectIndex index = to_finish_.front();
    to_finish_.pop_front();
    const ObjectRecord& object = objects_[index];
    FinishObject work{index,         object.file, object.oid, object.size, object.finish_tries,
                      object.target, {}};
    for (std::optional<std::string>& tag : ledger_->tags_of(object.known)) {
      CHECK(tag.has_value());
      work.etags.push_back(std::move(*tag));
    }
    return work;
  }
  if (next_to_classify_ < files_.size()) {
    FileIndex first = next_to_classify_;
    auto count = static_cast<std::uint32_t>(
        std::min<std::size_t>(limits_.classify_max, files_.size() - first));
    next_to_classify_ += count;
    return ClassifyFiles{first, count};
  }
  return next_negotiation(now);
}

std::optional<Work> Scheduler::next_negotiation(Time now) {
  std::vector<ObjectIndex> chosen = choose_to_negotiate(now);
  if (chosen.empty()) return std::nullopt;
  to_negotiate_.erase(to_negotiate_.begin(),
                      to_negotiate_.begin() + static_cast<std::ptrdiff_t>(chosen.size()));
  NegotiateObjects work;
  for (ObjectIndex index : chosen) {
    ObjectRecord& object = objects_[index];
    object.state = ObjectRecord::State::negotiating;
    ++objects_ahead_;
    bytes_ahead_ += object.size;
    work.objects.push_back({index, object.file, object.oid, object.size});
  }
  return work;
}

// The part's range lies on block borders only if the part size does; slices are cut to fit.
SendPart Scheduler::send_work(ObjectIndex index, std::uint32_t part) const {
  const ObjectRecord& object = objects_[index];
  SendPart work{index,
                object.file,
                files_[object.file].identity,
                part,
                object.generation,
                object.parts[part].tries,
                object.target,
                {},
                object.size};
  if (object.retained.slices.empty()) return work;
  PartRange range = object.target->range(part);
  work.slices.reserve(range.size / block_size_bytes + 2);
  for (std::uint64_t offset = range.offset; offset < range.offset + range.size;) {
    const Slice& slice = object.retained.slices[offset / block_size_bytes];
    std::size_t skip = offset % block_size_bytes;
    std::size_t size =
        std::min<std::uint64_t>(slice.size() - skip, range.offset + range.size - offset);
    work.slices.push_back(slice.sub(skip, size));
    offset += size;
  }
  return work;
}

std::optional<Work> Scheduler::next_send(Time now) {
  if (sending_.size() >= send_permits_) return std::nullopt;
  while (!to_send_.empty()) {
    QueuedPart queued = to_send_.front();
    to_send_.pop_front();
    ObjectRecord& object = objects_[queued.object];
    if (object.state != ObjectRecord::State::sending || object.generation != queued.generation) {
      continue;  // its URLs ran out, or the object failed, while it stood here
    }
    return begin_send(queued.object, queued.part, false, now);
  }
  return next_hedge(now);
}

SendPart Scheduler::begin_send(ObjectIndex index, std::uint32_t part, bool is_hedge, Time now) {
  ObjectRecord& object = objects_[index];
  ++object.parts[part].running;
  sending_.push_back({index, part, object.generation, is_hedge, now});
  return send_work(index, part);
}

// The one that is late by most.
std::optional<Work> Scheduler::next_hedge(Time now) {
  if (!limits_.send_twice) return std::nullopt;
  if (!to_negotiate_.empty()) return std::nullopt;
  const Sending* late = nullptr;
  Duration most = Duration::zero();
  for (const Sending& sending : sending_) {
    const ObjectRecord& object = objects_[sending.object];
    if (object.state != ObjectRecord::State::sending || object.generation != sending.generation) {
      continue;
    }
    const PartRecord& part = object.parts[sending.part];
    if (part.hedged || part.confirmed) continue;
    std::optional<Duration> late_at = late_after(object.target->range(sending.part).size);
    if (!late_at) continue;
    Duration over = now - sending.since - *late_at;
    if (over <= most) continue;
    most = over;
    late = &sending;
  }
  if (!late) return std::nullopt;
  Sending first = *late;
  objects_[first.object].parts[first.part].hedged = true;
  SendPart work = begin_send(first.object, first.part, true, now);
  work.hedge_after = now - first.since;
  return work;
}

// Of the next larger size that was seen: a smaller part takes no longer.
std::optional<Duration> Scheduler::late_after(std::uint64_t size) const {
  for (std::size_t i = static_cast<std::size_t>(std::bit_width(size)); i < times_.size(); ++i) {
    if (times_[i].mean == Duration::zero()) continue;
    return std::max(late_min, times_[i].mean + 4 * times_[i].deviation);
  }
  return std::nullopt;
}

// RFC 6298, 2.
void Scheduler::learn_time(std::uint64_t size, Duration time) {
  SendTime& known = times_[static_cast<std::size_t>(std::bit_width(size))];
  if (known.mean == Duration::zero()) {
    known = {.mean = time, .deviation = time / 2};
    return;
  }
  Duration off = std::chrono::abs(time - known.mean);
  known.deviation = (3 * known.deviation + off) / 4;
  known.mean = (7 * known.mean + time) / 8;
}

std::uint64_t Scheduler::bytes_ahead_max(Time now) const {
  // Before anything was measured: enough to keep every sender busy for a moment.
  constexpr std::uint64_t floor_bytes = 64ULL << 20;
  std::uint64_t by_urls = limits_.part_urls_max * part_size_min_;
  if (!first_send_ || now <= *first_send_) return std::min(by_urls, floor_bytes * senders());
  double rate = static_cast<double>(bytes_confirmed_) / seconds_of(now - *first_send_);
  auto by_rate = static_cast<std::uint64_t>(rate * seconds_of(limits_.lead_time));
  return std::min(by_urls, std::max(floor_bytes, by_rate));
}

std::vector<ObjectIndex> Scheduler::choose_to_negotiate(Time now) const {
  std::vector<ObjectIndex> chosen;
  // Not before a sender will soon be free: what is queued now keeps them busy.
  if (to_send_.size() >= 2 * static_cast<std::size_t>(senders())) return chosen;
  if (urls_ahead_ >= limits_.part_urls_max) return chosen;
  std::uint64_t bytes_max = bytes_ahead_max(now);
  std::uint64_t bytes = bytes_ahead_;
  for (ObjectIndex index : to_negotiate_) {
    if (chosen.size() >= limits_.negotiate_max) break;
    std::size_t ahead = objects_ahead_ + chosen.size();
    if (ahead > 0 && (ahead >= limits_.objects_max || bytes + objects_[index].size > bytes_max))
      break;
    bytes += objects_[index].size;
    chosen.push_back(index);
  }
  return chosen;
}

void Scheduler::close_file(FileRecord& file, FileRecord::State state) {
  CHECK(file.state == FileRecord::State::added || file.state == FileRecord::State::classified);
  file.state = state;
  --files_open_;
}

void Scheduler::classified(const ClassifyFiles&) { --works_out_; }

void Scheduler::file_classified(FileIndex index, bool large, bool ignored,
                                const DigestValue& remote) {
  FileRecord& file = files_[index];
  if (file.state != FileRecord::State::added) return;  // could not be read
  file.large = large;
  file.remote = remote;
  if (ignored) return close_file(file, FileRecord::State::ignored);
  file.state = FileRecord::State::classified;
  // Inline content needs a digest only to be compared with what the repo has.
  if (!large && remote.size == 0) return close_file(file, FileRecord::State::ready);
  if (!limits_.share_content) {
    if (remote.size == 0) return open_object(index, lone_name(index), Retained());
    return to_digest_.push({file.size, index});
  }
  if (std::optional<DigestValue> digest = ledger_->digest_of(known_file(file))) {
    return file_known(index, *digest, Retained());
  }
  to_digest_.push({file.size, index});
}

KnownFile Scheduler::known_file(const FileRecord& file) const {
  constexpr std::size_t sha1_size = 20;
  constexpr std::size_t sha256_size = 32;
  return {.name = file.source ? file.source->name() : file.path,
          .identity = file.identity.value_or(FileIdentity()),
          .digest_size = file.large ? sha256_size : sha1_size};
}

void Scheduler::digested(FileIndex index, const DigestValue& digest, const FileIdentity& identity,
                         Retained retained) {
  FileRecord& file = files_[index];
  digest_ended(file);
  file.identity = identity;
  if (limits_.share_content) ledger_->hashed(known_file(file), digest);
  file_known(index, digest, std::move(retained));
}

void Scheduler::file_known(FileIndex index, const DigestValue& digest, Retained retained) {
  FileRecord& file = files_[index];
  file.digest = digest;
  if (!file.large || (!limits_.share_content && same_as_remote(file))) {
    return close_file(
        file, same_as_remote(file) ? FileRecord::State::unchanged : FileRecord::State::ready);
  }
  if (!limits_.share_content) return open_object(index, lone_name(index), std::move(retained));
  auto [place, is_new] =
      by_oid_.try_emplace(digest.bytes, static_cast<ObjectIndex>(objects_.size()));
  if (is_new) return open_object(index, digest, std::move(retained));
  file.object = place->second;
  switch (objects_[file.object].state) {
    case ObjectRecord::State::stored:
      return close_file(
          file, same_as_remote(file) ? FileRecord::State::unchanged : FileRecord::State::ready);
    case ObjectRecord::State::failed:
      return close_file(file, FileRecord::State::failed);
    default:
      waiting_.emplace(file.object, index);
  }
}

void Scheduler::open_object(FileIndex index, const DigestValue& oid, Retained retained) {
  FileRecord& file = files_[index];
  file.object = static_cast<ObjectIndex>(objects_.size());
  ObjectRecord& object = objects_.emplace_back();
  object.oid = oid;
  object.size = file.size;
  object.file = index;
  object.retained = std::move(retained);
  to_negotiate_.push_back(file.object);
  waiting_.emplace(file.object, index);
}

void Scheduler::negotiated(const NegotiateObjects& work, std::vector<Negotiated> answers) {
  --works_out_;
  CHECK(answers.size() == work.objects.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    // A part of it, still on its way by an old URL, may have ended it meanwhile.
    if (objects_[work.objects[i].index].state != ObjectRecord::State::negotiating) continue;
    if (answers[i].refused) {
      close_object(work.objects[i].index, ObjectRecord::State::failed);
    } else if (answers[i].target) {
      start_sending(work.objects[i].index, std::move(answers[i].target));
    } else {
      close_object(work.objects[i].index, ObjectRecord::State::stored);
    }
  }
}

void Scheduler::start_sending(ObjectIndex index, std::shared_ptr<const Target> target) {
  ObjectRecord& object = objects_[index];
  bool stays = object.target && object.parts.size() == target->part_count() &&
               (same_upload(*object.target, *target) || planted(Planted::stale_part));
  if (stays) {
    if (object.parts_left < object.parts_left_before) object.renewals = 0;
  } else {
    object.known = {object.oid, target->upload_name(), target->part_count()};
    object.parts.assign(target->part_count(), PartRecord());
    object.parts_left = target->part_count();
    recall_parts(object);
  }
  object.parts_left_before = object.parts_left;
  if (target->part_count() > 1) part_size_min_ = std::min(part_size_min_, target->range(0).size);
  object.target = std::move(target);
  ++object.generation;
  object.state = ObjectRecord::State::sending;
  std::uint64_t open_bytes = 0;
  for (std::uint32_t part = 0; part < object.parts.size(); ++part) {
    if (object.parts[part].confirmed) continue;
    open_bytes += object.target->range(part).size;
    ++urls_ahead_;
    // One that is still on its way by its old URL may yet arrive: its report decides.
    if (object.parts[part].running == 0) to_send_.push_back({index, part, object.generation});
  }
  bytes_ahead_ = bytes_ahead_ - object.size + open_bytes;
  if (object.parts_left == 0) {
    object.state = ObjectRecord::State::finishing;
    to_finish_.push_back(index);
  }
}

// Parts that an earlier run, or an earlier negotiation, had confirmed under the same upload.
void Scheduler::recall_parts(ObjectRecord& object) {
  if (object.known.name.empty()) return;
  std::vector<std::optional<std::string>> tags = ledger_->tags_of(object.known);
  for (std::uint32_t part = 0; part < object.parts.size(); ++part) {
    if (!tags[part]) continue;
    object.parts[part].confirmed = true;
    --object.parts_left;
  }
}

// Takes back what start_sending counted for parts that are not confirmed.
void Scheduler::stop_sending(ObjectRecord& object) {
  for (std::uint32_t part = 0; part < object.parts.size(); ++part) {
    if (object.parts[part].confirmed) continue;
    bytes_ahead_ -= object.target->range(part).size;
    --urls_ahead_;
  }
}

// The record that a piece of work is about; null if the object has been given up, or is being sent
// to another upload by now.
PartRecord* Scheduler::part_of(const SendPart& work) {
  ObjectRecord& object = objects_[work.object];
  if (!object.target || work.part >= object.parts.size()) return nullptr;
  bool same = object.generation == work.generation || same_upload(*object.target, *work.target);
  return same ? &object.parts[work.part] : nullptr;
}

std::optional<Time> Scheduler::lane_free(const SendPart& work) {
  auto mine = std::ranges::find_if(sending_, [&](const Sending& sending) {
    return sending.object == work.object && sending.part == work.part &&
           sending.generation == work.generation &&
           sending.is_hedge == work.hedge_after.has_value();
  });
  if (mine == sending_.end()) return std::nullopt;  // it has waited for its backoff
  Time since = mine->since;
  sending_.erase(mine);
  return since;
}

PartRecord* Scheduler::send_ended(const SendPart& work) {
  --works_out_;
  lane_free(work);
  PartRecord* part = part_of(work);
  if (part && part->running > 0) --part->running;
  return part;
}

void Scheduler::part_waits(const SendPart& work) { lane_free(work); }

Scheduler::Confirmed Scheduler::part_confirmed(const SendPart& work, std::string etag, Time now) {
  if (std::optional<Time> since = lane_free(work)) {
    learn_time(work.target->range(work.part).size, now - *since);
  }
  PartRecord* part = send_ended(work);
  if (!part || part->confirmed) return {};
  Confirmed confirmed{.counts = true, .twin_runs = part->running > 0};
  ObjectRecord& object = objects_[work.object];
  part->confirmed = true;
  ledger_->confirmed(object.known, work.part, std::move(etag));
  --object.parts_left;
  std::uint64_t size = work.target->range(work.part).size;
  bytes_confirmed_ += size;
  // Between two negotiations nothing of the object is counted as being ahead.
  if (object.state != ObjectRecord::State::sending) return confirmed;
  bytes_ahead_ -= size;
  --urls_ahead_;
  if (object.parts_left == 0) {
    object.state = ObjectRecord::State::finishing;
    to_finish_.push_back(work.object);
  }
  return confirmed;
}

void Scheduler::part_again(const SendPart& work) {
  PartRecord* part = send_ended(work);
  if (!part) return;
  ++part->tries;
  queue_again(work, *part);
}

void Scheduler::part_dropped(const SendPart& work) {
  PartRecord* part = send_ended(work);
  if (part) queue_again(work, *part);
}

// With the URL of today, whichever it was sent to before; not while its twin is on its way.
void Scheduler::queue_again(const SendPart& work, const PartRecord& part) {
  const ObjectRecord& object = objects_[work.object];
  if (object.state != ObjectRecord::State::sending || part.confirmed || part.running > 0) return;
  to_send_.push_front({work.object, work.part, object.generation});
}

void Scheduler::renegotiate(ObjectIndex index, ObjectRecord& object) {
  stop_sending(object);
  --objects_ahead_;
  object.state = ObjectRecord::State::hashed;
  to_negotiate_.push_front(index);
}

void Scheduler::part_expired(const SendPart& work) {
  PartRecord* part = send_ended(work);
  ObjectRecord& object = objects_[work.object];
  if (object.generation != work.generation) {
    if (part) queue_again(work, *part);
    return;
  }
  if (object.state != ObjectRecord::State::sending) return;
  // Its twin was confirmed, or decides: what it confirms in between would be sent once more.
  if (part && (part->confirmed || part->running > 0)) return;
  if (++object.renewals > limits_.renewals_max) {
    return close_object(work.object, ObjectRecord::State::failed);
  }
  renegotiate(work.object, object);
}

void Scheduler::object_stored(const FinishObject& work) {
  --works_out_;
  close_object(work.object, ObjectRecord::State::stored);
}

void Scheduler::finish_again(const FinishObject& work) {
  --works_out_;
  ++objects_[work.object].finish_tries;
  to_finish_.push_back(work.object);
}

void Scheduler::finish_expired(const FinishObject& work) {
  --works_out_;
  ObjectRecord& object = objects_[work.object];
  if (++object.renewals > limits_.renewals_max) {
    return close_object(work.object, ObjectRecord::State::failed);
  }
  object.finish_tries = 0;
  --objects_ahead_;
  object.state = ObjectRecord::State::hashed;
  to_negotiate_.push_front(work.object);
}

void Scheduler::object_anew(const FinishObject& work) {
  ObjectRecord& object = objects_[work.object];
  ledger_->parts_over(object.oid);
  object.parts.clear();
  object.parts_left = 0;
  object.target.reset();
  finish_expired(work);
}

void Scheduler::close_object(ObjectIndex index, ObjectRecord::State state) {
  ObjectRecord& object = objects_[index];
  if (object.state == ObjectRecord::State::negotiating) {
    --objects_ahead_;
    bytes_ahead_ -= object.size;
  } else if (object.state == ObjectRecord::State::sending) {
    --objects_ahead_;
    stop_sending(object);
  } else if (object.state == ObjectRecord::State::finishing) {
    --objects_ahead_;
  }
  // Of an object that failed, a ledger that is kept knows for the next run what was confirmed.
  if (state == ObjectRecord::State::stored) ledger_->parts_over(object.oid);
  object.state = state;
  object.retained = Retained();
  object.target.reset();
  object.parts = {};
  auto [first, last] = waiting_.equal_range(index);
  for (auto it = first; it != last; ++it) {
    FileRecord& file = files_[it->second];
    if (state == ObjectRecord::State::failed) {
      close_file(file, FileRecord::State::failed);
    } else {
      close_file(file,
                 same_as_remote(file) ? FileRecord::State::unchanged : FileRecord::State::ready);
    }
  }
  waiting_.erase(first, last);
}

void Scheduler::file_failed(FileIndex index) {
  FileRecord& file = files_[index];
  if (file.state == FileRecord::State::added) {
    close_file(file, FileRecord::State::failed);  // within a ClassifyFiles, reported by that
  } else if (file.state == FileRecord::State::classified) {
    digest_ended(file);
    close_file(file, FileRecord::State::failed);
  }
}

void Scheduler::classify_failed(const ClassifyFiles& work) {
  --works_out_;
  for (FileIndex index = work.first; index < work.first + work.count; ++index) file_failed(index);
}

void Scheduler::negotiate_failed(const NegotiateObjects& work) {
  --works_out_;
  for (const auto& object : work.objects) close_object(object.index, ObjectRecord::State::failed);
}

bool Scheduler::send_failed(const SendPart& work) {
  PartRecord* part = send_ended(work);
  ObjectRecord& object = objects_[work.object];
  if (object.generation != work.generation) {
    if (part) queue_again(work, *part);
    return false;
  }
  if (part && part->confirmed) return false;  // by its twin
  if (object.state == ObjectRecord::State::hashed) std::erase(to_negotiate_, work.object);
  bool open = object.state == ObjectRecord::State::hashed ||
              object.state == ObjectRecord::State::negotiating ||
              object.state == ObjectRecord::State::sending;
  if (open) close_object(work.object, ObjectRecord::State::failed);
  return true;
}

void Scheduler::finish_failed(const FinishObject& work) {
  --works_out_;
  close_object(work.object, ObjectRecord::State::failed);
}

}  // namespace headrace
