// What was acknowledged is there after every replica has died.
#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "messages/cluster_file/cluster_file.h"
#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {

using nlohmann::json;

namespace {

std::string key_of(int number) { return "key-" + std::to_string(number); }

/// Writes key after key until one is not acknowledged; counts those that were.
void write_until_killed(const Cluster& cluster, int first, std::atomic<int>& acknowledged) {
  for (int number = first;; ++number) {
    const Finished put =
        cluster.tagma({"call", "--timeout-ms", "2000", "kv", "put", key_of(number), std::to_string(number)});
    if (put.exit_status != 0) return;
    acknowledged = number + 1;
  }
}

std::uint64_t last_executed(const Cluster& cluster, std::size_t id) {
  const Finished status = cluster.tagma({"status", "--json"});
  if (!json::accept(status.output)) return 0;
  const json replica = json::parse(status.output).at("replicas").at(id);
  return replica.at("answered") == true ? replica.at("last_executed").get<std::uint64_t>() : 0;
}

/// Groups of records that its log has synced.
std::uint64_t log_groups(const Cluster& cluster, std::size_t id) {
  const Finished status = cluster.tagma({"status", "--json"});
  if (!json::accept(status.output)) return 0;
  return json::parse(status.output)
      .at("replicas")
      .at(id)
      .value(json::json_pointer("/counters/log groups"), std::uint64_t{0});
}

bool all_vote(const Cluster& cluster) {
  const Finished status = cluster.tagma({"status", "--json"});
  if (!json::accept(status.output)) return false;
  const json parsed = json::parse(status.output);
  for (const json& replica : parsed.at("replicas")) {
    if (replica.at("voting") != true) return false;
  }
  return true;
}

/// Every key with its value, a line each, with a line break in front of the first one.
std::string all_pairs(const Cluster& cluster) {
  std::string pairs = "\n";
  std::string from;
  for (;;) {
    const Finished page = cluster.tagma({"call", "kv", "scan", from, "", "1000"});
    CHECK(page.exit_status == 0);
    if (page.exit_status != 0 || page.output.find('\t') == std::string::npos) return pairs;
    const std::string_view more = "\nmore from ";
    const auto rest = page.output.rfind(more);
    if (rest == std::string::npos) return pairs + page.output;
    pairs += page.output.substr(0, rest + 1);
    from = page.output.substr(rest + more.size());
    from.pop_back();  // the line's end
  }
}

/// Replicas keep 64 MB of decided batches for one that is behind (docs/protocol.md).
void write_more_than_logs_keep(const Cluster& cluster) {
  constexpr double bytes_wanted = 80e6;
  constexpr int value_bytes = 20'000;
  for (double bytes = 0; bytes < bytes_wanted;) {
    const Finished bench = cluster.tagma({"bench", "--clients", "2", "--window", "8", "--seconds", "2", "--warmup", "0",
                                          "--keys", "3000", "--value-bytes", std::to_string(value_bytes), "--json"},
                                         seconds(60));
    REQUIRE(json::accept(bench.output));
    bytes += json::parse(bench.output).at("operations_per_second").get<double>() * 2 * value_bytes;
  }
}

/// Zeroes the first page of LMDB's list of free pages in place, which a write meets and a reader does not.
void damage_free_list(const std::string& path) {
  constexpr std::size_t page_bytes = 4096;
  const std::string content = read_file(path);
  const auto word_at = [&content](std::size_t at) {
    std::uint64_t word = 0;
    REQUIRE(at + sizeof word <= content.size());
    std::memcpy(&word, content.data() + at, sizeof word);
    return word;
  };
  // The newer of two meta pages, which end with the number of their transaction.
  const std::size_t meta = word_at(144) > word_at(page_bytes + 144) ? 0 : page_bytes;
  const std::uint64_t root = word_at(meta + 80);
  REQUIRE(root > 1);
  REQUIRE(root < content.size() / page_bytes);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(root * page_bytes)) << std::string(page_bytes, '\0');
  file.close();
  REQUIRE(file.good());
}

}  // namespace

TEST_SUITE("durability") {
  TEST_CASE("after a clean stop the next up goes on where the last one was, with sync and with async") {
    for (const std::string mode : {"sync", "async"}) {
      Cluster cluster({"--durability", mode});
      REQUIRE(cluster.up());
      CHECK(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
      CHECK(cluster.stop().exit_status == 0);
      REQUIRE(cluster.up());
      CHECK(cluster.tagma({"call", "kv", "get", "city"}).output == "Nicaea\n");
    }
  }

  TEST_CASE("all replicas killed at once under load, again and again: nothing acknowledged is lost") {
    Cluster cluster;
    std::atomic<int> acknowledged = 0;
    for (int round = 1; round <= 3; ++round) {
      REQUIRE(cluster.up());
      const int before = acknowledged;
      std::thread writer([&] { write_until_killed(cluster, before, acknowledged); });
      const bool written = await([&] { return acknowledged >= before + 15; }, in(seconds(30)));
      cluster.kill_all();
      writer.join();
      REQUIRE(written);
      REQUIRE(cluster.up());
      const Finished listing = cluster.tagma({"call", "kv", "scan", "", "", "1000"});
      for (int number = 0; number < acknowledged; ++number) {
        CHECK_MESSAGE(("\n" + listing.output).find("\n" + key_of(number) + "\t" + std::to_string(number) + "\n") !=
                          std::string::npos,
                      key_of(number) << " in\n"
                                     << listing.all());
      }
      cluster.kill_all();
    }
  }

  TEST_CASE("checkpoints and what was written behind them survive a kill of all; a load reads back equal") {
    Cluster cluster;
    TemporaryFolder folder;
    std::string lines;
    for (int i = 0; i < 60'000; ++i) lines += "word-" + std::to_string(i) + "\n";
    write_file(folder.file("words"), lines);
    REQUIRE(cluster.up());
    const Finished loaded = cluster.tagma({"load", folder.file("words")}, seconds(120));
    INFO(loaded.all());
    REQUIRE(loaded.exit_status == 0);
    cluster.kill_all();
    REQUIRE(cluster.up());
    for (const std::string number : {"0", "77", "9999", "59999"}) {
      CHECK(cluster.tagma({"call", "kv", "get", "word-" + number}).output ==
            std::to_string(std::stoi(number) + 1) + "\n");
    }
    CHECK(cluster.tagma({"diff"}, seconds(60)).exit_status == 0);
  }

  TEST_CASE("a replica that was killed comes back by itself and catches up") {
    Cluster cluster;
    REQUIRE(cluster.up());
    CHECK(cluster.tagma({"call", "kv", "put", "before", "1"}).exit_status == 0);
    REQUIRE(cluster.kill_replica(2));
    CHECK(cluster.tagma({"call", "kv", "put", "while away", "2"}).exit_status == 0);
    Process replica(cluster.command({"replica", "--id", "2"}));
    REQUIRE(replica.await_text("ready", in(seconds(30))));
    CHECK(replica.errors().find("found on disk: ") != std::string::npos);
    CHECK(await([&] { return last_executed(cluster, 2) >= last_executed(cluster, 0); }, in(seconds(30))));
    replica.signal(SIGTERM);
    CHECK(replica.finish(in(seconds(10))).exit_status == 0);
  }

  TEST_CASE("a replica that was away for longer than the others' logs reach, then one whose folder was emptied") {
    Cluster cluster;
    REQUIRE(cluster.up());
    REQUIRE(cluster.kill_replica(2));
    write_more_than_logs_keep(cluster);
    for (const bool emptied : {false, true}) {
      if (emptied) std::filesystem::remove_all(cluster.directory() + "/replica-2/data");
      Process replica(cluster.command({"replica", "--id", "2"}));
      CHECK(replica.await_text("behind: executed up to slot", in(seconds(60))));
      CHECK((replica.errors().find("begins as life") != std::string::npos) == emptied);
      CHECK(replica.await_text("installed the state after slot", in(seconds(120))));
      CHECK(await([&] { return all_vote(cluster) && last_executed(cluster, 2) >= last_executed(cluster, 0); },
                  in(seconds(60))));
      CHECK(cluster.tagma({"diff"}, seconds(60)).exit_status == 0);
      replica.signal(SIGTERM);
      CHECK(replica.finish(in(seconds(10))).exit_status == 0);
    }
  }

  TEST_CASE("inspect tells what a stopped replica has, and refuses a running one and a folder of something else") {
    Cluster cluster;
    REQUIRE(cluster.up());
    CHECK(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
    const std::string data = cluster.directory() + "/replica-1/data";
    const Finished running = run({tagma_binary(), "inspect", data});
    CHECK(running.exit_status == 2);
    CHECK(running.errors.find("locked by another process; stop the replica") != std::string::npos);
    CHECK(running.errors.find("--data") == std::string::npos);
    CHECK(cluster.stop().exit_status == 0);
    const Finished whole = run({tagma_binary(), "inspect", data});
    INFO(whole.all());
    CHECK(whole.exit_status == 0);
    CHECK(whole.output.find("All of it is as it was written.") != std::string::npos);
    const Finished parsed = run({tagma_binary(), "inspect", data, "--json"});
    REQUIRE(json::accept(parsed.output));
    const json found = json::parse(parsed.output);
    CHECK(found.at("log").at("decided").get<int>() >= 1);
    CHECK(found.at("state").at("seq") == 0);
    CHECK(found.at("damage").is_null());
    const Finished other = run({tagma_binary(), "inspect", cluster.directory()});
    CHECK(other.exit_status == 2);
    CHECK(other.errors.find("not the data folder of a replica") != std::string::npos);
    REQUIRE(cluster.up());  // nothing was changed
    CHECK(cluster.tagma({"call", "kv", "get", "city"}).output == "Nicaea\n");
  }

  TEST_CASE("one byte of a replica's state or log changed on disk: set aside, and repaired from the others") {
    for (const std::string part : {"state", "log"}) {
      Cluster cluster;
      REQUIRE(cluster.up());
      CHECK(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
      // What is damaged must stand below what later groups say to be synced: at the end it is a torn tail.
      const auto groups = log_groups(cluster, 1);
      REQUIRE(groups > 0);
      for (const std::string key : {"one", "two", "three"}) {
        CHECK(cluster.tagma({"call", "kv", "put", key, key}).exit_status == 0);
      }
      REQUIRE(await([&] { return log_groups(cluster, 1) >= groups + 3; }, in(seconds(30))));
      REQUIRE(cluster.kill_replica(1));
      const std::string data = cluster.directory() + "/replica-1/data";
      const std::string path = part == "log" ? std::filesystem::directory_iterator(data + "/log")->path().string()
                                             : data + "/state/data.mdb";
      std::string content = read_file(path);
      const auto at = part == "log" ? content.find("Nicaea") : content.find("checkpoint");
      REQUIRE(at != std::string::npos);
      content[at + 3] = static_cast<char>(content[at + 3] ^ 1);
      write_file(path, content);
      const Finished inspected = run({tagma_binary(), "inspect", data});
      CHECK(inspected.exit_status == 1);
      CHECK(inspected.errors.find("start the replica: it sets what is damaged aside") != std::string::npos);
      Process replica(cluster.command({"replica", "--id", "1"}));
      REQUIRE(replica.await_text("ready", in(seconds(30))));
      CHECK(replica.errors().find("Set aside as damaged-" + part) != std::string::npos);
      CHECK((replica.errors().find("begins as life") != std::string::npos) == (part == "log"));
      CHECK(await([&] { return all_vote(cluster); }, in(seconds(60))));
      CHECK(std::filesystem::exists(data + "/damaged-" + part));
      replica.signal(SIGTERM);
      CHECK(replica.finish(in(seconds(10))).exit_status == 0);
    }
  }

  TEST_CASE("LMDB's list of free pages damaged: a write that meets it has the next start set the state aside") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const auto writes_checkpoints = [&cluster] {
      return cluster
                 .tagma({"bench", "--clients", "2", "--window", "16", "--seconds", "3", "--warmup", "0", "--keys",
                         "2000", "--value-bytes", "500", "--json"},
                        seconds(60))
                 .exit_status == 0;
    };
    REQUIRE(writes_checkpoints());
    REQUIRE(cluster.kill_replica(1));
    const std::string data = cluster.directory() + "/replica-1/data";
    {
      Process replica(cluster.command({"replica", "--id", "1"}));
      REQUIRE(await([&] { return all_vote(cluster); }, in(seconds(60))));
      damage_free_list(data + "/state/data.mdb");  // behind the back of a replica that has found all whole
      REQUIRE(writes_checkpoints());
      const Finished ended = replica.finish(in(seconds(30)));
      INFO(ended.all());
      CHECK(ended.exit_status == 1);
      CHECK(ended.errors.find("the next start sets the state aside") != std::string::npos);
    }
    const Finished inspected = run({tagma_binary(), "inspect", data});
    CHECK(inspected.exit_status == 1);
    CHECK(inspected.errors.find("a write found " + data + "/state: ") != std::string::npos);
    Process replica(cluster.command({"replica", "--id", "1"}));
    CHECK(await([&] { return all_vote(cluster); }, in(seconds(60))));
    CHECK(std::filesystem::exists(data + "/damaged-state"));
    CHECK_FALSE(std::filesystem::exists(data + "/damage-found"));
    replica.signal(SIGTERM);
    CHECK(replica.finish(in(seconds(10))).exit_status == 0);
    // Of a stopped one it is found before it starts.
    REQUIRE(cluster.kill_replica(0));
    damage_free_list(cluster.directory() + "/replica-0/data/state/data.mdb");
    const Finished stopped = run({tagma_binary(), "inspect", cluster.directory() + "/replica-0/data"});
    CHECK(stopped.exit_status == 1);
    CHECK(stopped.errors.find("MDB_CORRUPTED") != std::string::npos);
  }

  TEST_CASE(
      "a replica whose disk was wiped comes back to voting, idle and under load; then the next one, the primary too") {
    // Long runs ask for more; the primary's turn comes with view changes.
    const char* const asked = std::getenv("TAGMA_WIPE_ROUNDS");  // NOLINT(concurrency-mt-unsafe): one thread only
    const int rounds = asked != nullptr ? std::stoi(asked) : 4;
    Cluster cluster;
    REQUIRE(cluster.up());
    std::atomic<int> acknowledged = 0;
    std::vector<std::unique_ptr<Process>> replicas(4);
    for (int round = 0; round < rounds; ++round) {
      const auto id = static_cast<std::uint32_t>((3 + round) % 4);
      const bool under_load = round % 2 == 1;
      CAPTURE(round);
      if (replicas[id] != nullptr) {
        replicas[id]->signal(SIGKILL);
        static_cast<void>(replicas[id]->finish(in(seconds(10))));
      } else {
        REQUIRE(cluster.kill_replica(id));
      }
      std::filesystem::remove_all(cluster.directory() + "/replica-" + std::to_string(id) + "/data");
      std::atomic<bool> over = false;
      const int before = acknowledged;
      std::thread writer([&] {
        while (under_load && !over) {
          const int number = acknowledged;
          const Finished put =
              cluster.tagma({"call", "--timeout-ms", "20000", "kv", "put", key_of(number), std::to_string(number)});
          if (put.exit_status == 0) ++acknowledged;
        }
      });
      replicas[id] = std::make_unique<Process>(cluster.command({"replica", "--id", std::to_string(id)}));
      const bool back = await([&] { return all_vote(cluster); }, in(seconds(60)));
      const bool written = !under_load || await([&] { return acknowledged > before; }, in(seconds(30)));
      over = true;
      writer.join();
      INFO(replicas[id]->errors());
      REQUIRE(back);
      CHECK(written);
      CHECK(replicas[id]->await_text("taken back as incarnation " + std::to_string(1 + round / 4), in(seconds(5))));
    }
    const std::string listing = all_pairs(cluster);
    for (int number = 0; number < acknowledged; ++number) {
      CHECK(listing.find("\n" + key_of(number) + "\t" + std::to_string(number) + "\n") != std::string::npos);
    }
  }

  TEST_CASE("with durability memory a replica that was killed comes back as another life") {
    Cluster cluster({"--durability", "memory"});
    REQUIRE(cluster.up());
    CHECK(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
    REQUIRE(cluster.kill_replica(2));
    Process replica(cluster.command({"replica", "--id", "2"}));
    REQUIRE(await([&] { return all_vote(cluster); }, in(seconds(60))));
    const Finished status = cluster.tagma({"status", "--json"});
    CHECK(json::parse(status.output).at("replicas").at(2).at("incarnation") == 1);
    REQUIRE(cluster.kill_replica(3));  // now its votes are needed
    CHECK(cluster.tagma({"call", "kv", "get", "city"}).output == "Nicaea\n");
    replica.signal(SIGTERM);
    CHECK(replica.finish(in(seconds(10))).exit_status == 0);
  }

  TEST_CASE("where too few remember, up says so, and what to do") {
    Cluster cluster;
    REQUIRE(cluster.up());
    CHECK(cluster.stop().exit_status == 0);
    for (const std::string id : {"1", "3"})
      std::filesystem::remove_all(cluster.directory() + "/replica-" + id + "/data");
    const Finished refused = cluster.tagma({"up"});
    INFO(refused.all());
    CHECK(refused.exit_status == 2);
    CHECK(refused.errors.find("only 2 of 4 replicas remember what they promised") != std::string::npos);
  }

  TEST_CASE(
      "logs that turn out damaged as the replicas start: up names who is taken back, or recover where nobody is") {
    Cluster cluster;
    REQUIRE(cluster.up());
    CHECK(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
    const auto groups = log_groups(cluster, 0);
    for (const std::string key : {"one", "two", "three"}) {
      CHECK(cluster.tagma({"call", "kv", "put", key, key}).exit_status == 0);
    }
    REQUIRE(await([&] { return log_groups(cluster, 0) >= groups + 3; }, in(seconds(30))));
    CHECK(cluster.stop().exit_status == 0);
    for (const std::string id : {"0", "1"}) {
      const std::string log = cluster.directory() + "/replica-" + id + "/data/log/log-00000001";
      REQUIRE(edit_file(log, "Nicaea", "Nikaea"));
    }
    const Finished refused = cluster.tagma({"up"});
    INFO(refused.all());
    CHECK(refused.exit_status == 2);
    CHECK(refused.errors.find("only 2 of 4 replicas remember what they promised") != std::string::npos);
    CHECK(refused.errors.find("tagma recover --dir") != std::string::npos);
    CHECK(refused.output.find("ready") == std::string::npos);
    CHECK(cluster.tagma({"recover", "--yes"}, seconds(30)).exit_status == 0);
    REQUIRE(cluster.up());
    CHECK(cluster.process().output().find("answers correctly while 1 replica lies") != std::string::npos);
    CHECK(cluster.tagma({"call", "kv", "get", "city"}).output == "Nicaea\n");
    CHECK(cluster.stop().exit_status == 0);
    std::filesystem::remove_all(cluster.directory() + "/replica-3/data");
    REQUIRE(cluster.up());
    REQUIRE(cluster.process().await_text("Ctrl-C", in(seconds(5))));
    INFO(cluster.process().output());
    CHECK(cluster.process().output().find("replica 3 has lost its memory and is being taken back: until then no other "
                                          "may fail") != std::string::npos);
    CHECK(await([&] { return all_vote(cluster); }, in(seconds(60))));
  }

  TEST_CASE("recover begins a new cluster with what those who are left know, again and again") {
    Cluster cluster;
    REQUIRE(cluster.up());
    int written = 0;
    std::vector<std::string> lost{"1", "3"};
    for (int round = 0; round < 2; ++round) {
      CAPTURE(round);
      for (int until = written + 12; written < until; ++written) {
        CHECK(cluster.tagma({"call", "kv", "put", key_of(written), std::to_string(written)}).exit_status == 0);
      }
      const Finished running = cluster.tagma({"recover"});
      CHECK(running.exit_status == 2);
      if (round == 0) CHECK(cluster.stop().exit_status == 0);
      if (round == 1) cluster.kill_all();
      for (const auto& id : lost) std::filesystem::remove_all(cluster.directory() + "/replica-" + id + "/data");
      CHECK(cluster.tagma({"up"}).exit_status == 2);
      const Finished told = cluster.tagma({"recover"}, seconds(30));
      INFO(told.all());
      CHECK(told.exit_status == 0);
      CHECK(told.output.find("Nothing was changed.") != std::string::npos);
      CHECK(told.output.find("replica " + lost[0] + "   no state") != std::string::npos);
      CHECK(cluster.tagma({"up"}).exit_status == 2);
      const Finished done = cluster.tagma({"recover", "--yes"}, seconds(30));
      INFO(done.all());
      REQUIRE(done.exit_status == 0);
      REQUIRE(cluster.up());
      const Finished listing = cluster.tagma({"call", "kv", "scan", "", "", "1000"});
      for (int number = 0; number < written; ++number) {
        CHECK(("\n" + listing.output).find("\n" + key_of(number) + "\t" + std::to_string(number) + "\n") !=
              std::string::npos);
      }
      lost = {"0", "2"};
    }
    // Whoever loses its disk now takes the state, the one that the cluster began with included.
    REQUIRE(cluster.kill_replica(2));
    std::filesystem::remove_all(cluster.directory() + "/replica-2/data");
    Process replica(cluster.command({"replica", "--id", "2"}));
    CHECK(await([&] { return all_vote(cluster); }, in(seconds(60))));
    CHECK(replica.await_text("installed the state after slot", in(seconds(5))));
    CHECK(cluster.tagma({"diff"}, seconds(60)).exit_status == 0);
    replica.signal(SIGTERM);
    CHECK(replica.finish(in(seconds(10))).exit_status == 0);
  }

  TEST_CASE("recover is not needed where a quorum remembers, and says so; an interrupted one may be run again") {
    Cluster cluster;
    REQUIRE(cluster.up());
    CHECK(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
    cluster.kill_all();
    const Finished told = cluster.tagma({"recover"}, seconds(30));
    INFO(told.all());
    CHECK(told.exit_status == 0);
    CHECK(told.output.find("all 4 replicas remember what they promised: ") != std::string::npos);
    CHECK(told.output.find(" --yes") == std::string::npos);
    CHECK(cluster.tagma({"recover", "--yes"}, seconds(30)).exit_status == 2);
    const std::string data = cluster.directory() + "/replica-3/data";
    std::filesystem::remove_all(data);
    const Finished refused = cluster.tagma({"recover", "--yes"}, seconds(30));
    CHECK(refused.exit_status == 2);
    CHECK(refused.errors.find("3 of 4 replicas remember") != std::string::npos);
    REQUIRE(cluster.up());
    CHECK(await([&] { return all_vote(cluster); }, in(seconds(60))));
    CHECK(cluster.stop().exit_status == 0);
    // Another one: now fewer than a quorum are in their first life, and yet nothing is lost.
    std::filesystem::remove_all(cluster.directory() + "/replica-2/data");
    REQUIRE(cluster.up());
    CHECK(await([&] { return all_vote(cluster); }, in(seconds(60))));
    CHECK(cluster.stop().exit_status == 0);
    const Finished doubted = cluster.tagma({"recover"}, seconds(30));
    INFO(doubted.all());
    CHECK(doubted.output.find("Replicas 2 and 3 began another life") != std::string::npos);
    CHECK(doubted.output.find("Try this first") < doubted.output.find(" --yes"));
    const auto file = read_cluster_file(cluster.cluster_file());
    REQUIRE(file);
    std::filesystem::rename(data, data + ".of-" + to_hex(file->membership.cluster.view()).substr(0, 12));
    CHECK(cluster.tagma({"recover", "--yes"}, seconds(30)).exit_status == 0);
    REQUIRE(cluster.up());
    CHECK(cluster.tagma({"call", "kv", "get", "city"}).output == "Nicaea\n");
  }

  TEST_CASE("with async a kill of all is a loss of memory, and recover the way back") {
    Cluster cluster({"--durability", "async"});
    REQUIRE(cluster.up());
    CHECK(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
    CHECK(cluster.stop().exit_status == 0);
    REQUIRE(cluster.up());
    CHECK(cluster.tagma({"call", "kv", "get", "city"}).output == "Nicaea\n");
    cluster.kill_all();
    const Finished refused = cluster.tagma({"up"});
    CHECK(refused.exit_status == 2);
    CHECK(refused.errors.find("tagma recover") != std::string::npos);
    CHECK(cluster.tagma({"recover", "--yes"}, seconds(30)).exit_status == 0);
    REQUIRE(cluster.up());
    CHECK(cluster.tagma({"call", "kv", "get", "city"}).output == "Nicaea\n");
  }
}

}  // namespace tagma::end_to_end
