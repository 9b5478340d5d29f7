// The runner itself: what is false is found, where it stands.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "test/scenarios/scenario.h"

#include <doctest/doctest.h>

using namespace tagma::test;

namespace {

std::string error_of(const std::string& text) { return play("try.scenario", text).value_or("it holds"); }

}  // namespace

TEST_CASE("a request is ordered, executed and answered") {
  CHECK(error_of("replicas 4\n"
                 "submit client 1 number 1 \"set a 7\" to 0\n"
                 "deliver\n"
                 "expect executed 1 at all\n"
                 "expect value a 7 at all\n"
                 "expect answer \"set\" to client 1 number 1\n") == "it holds");
}

TEST_CASE("a false expectation is reported with file and line") {
  CHECK(error_of("# a comment\n"
                 "replicas 4\n"
                 "\n"
                 "submit client 1 number 1 \"set a 7\" to 0\n"
                 "deliver\n"
                 "expect executed 2 at 0\n") == "try.scenario:6: replica 0: executed is 1");
  CHECK(error_of("replicas 4\nexpect value a 1 at 2\n") == "try.scenario:2: replica 2 has nothing at a");
  CHECK(error_of("replicas 4\nexpect wants view 0 at 2\n") == "try.scenario:2: replica 2: the view is 0, and begun");
  CHECK(error_of("replicas 4\nexpect sent PREPARE\n") == "try.scenario:2: nobody sent that");
  CHECK(error_of("replicas 4\nexpect answer \"set\" to client 1 number 1\n") ==
        "try.scenario:2: the client has no answer");
}

TEST_CASE("what cannot be read is reported with file and line, and nothing is played") {
  CHECK(error_of("replicas 4\nexpect executed 9 at 0\ndelivr\n") == "try.scenario:3: \"delivr\" is no step");
  CHECK(error_of("replicas 4\ndeliver PREPAER\n") == "try.scenario:2: no kind of message is called \"PREPAER\"");
  CHECK(error_of("replicas 4\nsubmit client 1 number 1 \"set a 7 to 0\n") ==
        "try.scenario:2: a quotation without its end");
  CHECK(error_of("replicas 4\nheal 3\n") == "try.scenario:2: what is \"3\" doing here?");
  CHECK(error_of("replicas 4\npass 400\n").starts_with("try.scenario:2: expected a duration"));
  CHECK(error_of("replicas 4\nforge COMMIT from 0 to 1 slot 1 batch x\n") ==
        "try.scenario:2: a COMMIT needs its \"view\"");
  CHECK(error_of("deliver\n") == "try.scenario:1: expected \"replicas\", not \"deliver\"");
  CHECK(error_of("replicas 4\n") == "try.scenario:2: nothing happens");
}

TEST_CASE("a pattern tells batches apart") {
  const std::string story =
      "replicas 4\n"
      "batch x client 1 number 1 \"set a 7\"\n"
      "batch y client 2 number 1 \"set a 8\"\n"
      "submit client 1 number 1 \"set a 7\" to 0\n"
      "deliver\n"
      "expect sent PREPARE view 0 slot 1 batch x from 3 to 2\n"
      "expect sent PRE-PREPARE batch x\n"
      "expect no PREPARE batch y\n";
  CHECK(error_of(story) == "it holds");
  CHECK(error_of(story + "expect no COMMIT batch x\n") == "try.scenario:9: that was sent");
}

TEST_CASE("names that mean nobody are reported where they are played") {
  CHECK(error_of("replicas 4\ncrash 4\n") == "try.scenario:2: there is no replica 4");
  CHECK(error_of("replicas 4\ncrash 3\nexpect executed 0 at 3\n") == "try.scenario:3: replica 3 is down");
  CHECK(error_of("replicas 4\nfaulty 0\nforge COMMIT from 0 to 1 view 0 slot 1 batch x\n") ==
        "try.scenario:3: there is no batch \"x\"");
  CHECK(error_of("replicas 4\nfaulty 0\nforge VIEW-CHANGE from 0 to 1 view 1 certificate 4\n") ==
        "try.scenario:3: no quorum has voted for a checkpoint of slot 4");
  CHECK(error_of("replicas 4\nbatch x client 1 number 1 \"get a\"\nforge DECIDED from 0 to 1 slot 1 batch x\n") ==
        "try.scenario:3: replica 0 is not declared faulty");
}

TEST_CASE("more than f liars do make correct replicas differ, and the step that did it is reported") {
  CHECK(error_of("replicas 4\n"
                 "faulty 0,1\n"
                 "cut 0,1\n"
                 "batch x client 1 number 1 \"set a 1\"\n"
                 "batch y client 2 number 1 \"set a 2\"\n"
                 "forge BATCH-BODY from 0 to 2,3 slot 1 batch x\n"
                 "forge DECIDED from 0,1 to 2 slot 1 batch x\n"
                 "forge DECIDED from 0,1 to 3 slot 1 batch y\n"
                 "deliver DECIDED\n"
                 "drop\n"
                 "forge BATCH-BODY from 0 to 2 slot 1 batch x\n"
                 "forge BATCH-BODY from 0 to 3 slot 1 batch y\n"
                 "deliver to 2\n"
                 "deliver to 3\n") ==
        "try.scenario:14: correct replicas 2 and 3 differ in what they executed as slot 1");
}

TEST_CASE("time that brings no agreement is reported with what each replica has") {
  CHECK(error_of("replicas 4\n"
                 "partition 0,1 | 2,3\n"
                 "submit client 1 number 1 \"set a 7\" to all\n"
                 "settle\n")
            .starts_with("try.scenario:4: not settled after 20s: replica 0 "));
}
