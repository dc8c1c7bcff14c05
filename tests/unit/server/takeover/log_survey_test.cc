#include "server/takeover/log_survey.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "made_up_kafka.h"

using namespace moldau;
using namespace moldau::server;
using moldau::server::test::MadeUpKafka;

namespace {

LogSurvey survey(const std::string& dir) {
  auto found = survey_log(storage::posix_disk(), dir);
  REQUIRE(found);
  return *found;
}

}  // namespace

TEST_CASE("LogSurvey: the highest of epoch file, snapshots and batches", "[takeover]") {
  const MadeUpKafka kafka;
  const auto dir = kafka.add_partition("t-0");
  CHECK(survey(dir).highest_epoch == kNoLeaderEpoch);
  CHECK(survey(dir).highest_producer_id == kNoProducerId);

  MadeUpKafka::write(dir + "/00000000000000000000.log", MadeUpKafka::batch(2, -1) + MadeUpKafka::batch(3, 1004, 1) + MadeUpKafka::batch(3, 1001, 2));
  CHECK(survey(dir).highest_epoch == LeaderEpoch(3));
  CHECK(survey(dir).highest_producer_id == ProducerId(1004));

  MadeUpKafka::write(dir + "/leader-epoch-checkpoint", "0\n2\n2 0\n5 1\n");
  MadeUpKafka::write(dir + "/00000000000000000003.snapshot", MadeUpKafka::snapshot(2005));
  CHECK(survey(dir).highest_epoch == LeaderEpoch(5));
  CHECK(survey(dir).highest_producer_id == ProducerId(2005));

  MadeUpKafka::write(dir + "/00000000000000000003.log", MadeUpKafka::batch(6, 3006, 3));
  CHECK(survey(dir).highest_epoch == LeaderEpoch(6));
  CHECK(survey(dir).highest_producer_id == ProducerId(3006));
  CHECK(survey(dir).notes.empty());
}

TEST_CASE("LogSurvey: a pipe among the files does not stop it", "[takeover]") {
  const MadeUpKafka kafka;
  const auto dir = kafka.add_partition("orders-0");
  REQUIRE(::mkfifo((dir + "/00000000000000000000.log").c_str(), 0600) == 0);
  const auto survey = survey_log(storage::posix_disk(), dir);
  REQUIRE(survey);
  CHECK(survey->highest_epoch == kNoLeaderEpoch);
}

TEST_CASE("LogSurvey: damaged files do not count and do not stop it", "[takeover]") {
  const MadeUpKafka kafka;
  const auto dir = kafka.add_partition("t-0");
  auto garbage = MadeUpKafka::batch(2'000'000'000, 999'999'999, 1);
  garbage.back() = static_cast<char>(garbage.back() + 1);
  MadeUpKafka::write(dir + "/00000000000000000000.log", MadeUpKafka::batch(1, 10) + garbage + MadeUpKafka::batch(2, 11, 2).substr(0, 40));
  MadeUpKafka::write(dir + "/leader-epoch-checkpoint", "0\n9\nnonsense");
  MadeUpKafka::write(dir + "/00000000000000000002.snapshot", "torn");
  const auto found = survey(dir);
  CHECK(found.highest_epoch == LeaderEpoch(1));
  CHECK(found.highest_producer_id == ProducerId(10));
  REQUIRE(found.notes.size() == 2);
  CHECK_THAT(found.notes[0], Catch::Contains(".snapshot"));
  CHECK_THAT(found.notes[1], Catch::Contains("leader-epoch-checkpoint"));
}
