#include "protocol/wire/headers.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "protocol/messages/api_versions.h"
#include "protocol/messages/controlled_shutdown.h"
#include "protocol/messages/heartbeat.h"

namespace moldau::protocol {
namespace {

TEST_CASE("ApiKeys: what Kafka 3.9 on ZooKeeper offers", "[protocol]") {
  int offered = 0;
  for (const ApiInfo& api : all_apis()) offered += api.in_zk_broker ? 1 : 0;
  CHECK(offered == 62);
  CHECK(find_api(-1) == nullptr);
  CHECK(find_api(1000) == nullptr);
  REQUIRE(find_api(1) != nullptr);
  CHECK(find_api(1)->name == "Fetch");
  CHECK(to_string(ApiKey::offset_for_leader_epoch) == "OffsetForLeaderEpoch");
  CHECK(to_string(static_cast<ApiKey>(999)) == "Unknown");
  CHECK(api_info(ApiKey::produce).max_version == 13);
  CHECK(api_info(ApiKey::fetch).max_version == 18);
  CHECK(api_info(ApiKey::metadata).max_version == 13);
  CHECK(api_info(ApiKey::init_producer_id).max_version == 5);
  CHECK(api_info(ApiKey::envelope).cluster_action);
  CHECK(api_info(ApiKey::create_topics).forwardable);
  CHECK_FALSE(api_info(ApiKey::vote).in_zk_broker);
}

TEST_CASE("ApiKeys: header versions and their exceptions", "[protocol]") {
  const ApiInfo& heartbeat = api_info(ApiKey::heartbeat);
  CHECK(heartbeat.request_header_version(3) == 1);
  CHECK(heartbeat.request_header_version(4) == 2);
  CHECK(heartbeat.response_header_version(3) == 0);
  CHECK(heartbeat.response_header_version(4) == 1);
  CHECK(api_info(ApiKey::api_versions).request_header_version(3) == 2);
  CHECK(api_info(ApiKey::api_versions).response_header_version(4) == 0);
  CHECK(api_info(ApiKey::controlled_shutdown).request_header_version(0) == 0);
  CHECK(api_info(ApiKey::controlled_shutdown).request_header_version(1) == 1);
  CHECK(api_info(ApiKey::sasl_handshake).request_header_version(1) == 1);
}

TEST_CASE("Request header: written and read again in each form", "[protocol]") {
  HeartbeatRequest body;
  body.group_id = "g";
  for (const std::int16_t version : std::vector<std::int16_t>{0, 4}) {
    for (const std::optional<std::string_view> client : {std::optional<std::string_view>("client"), std::optional<std::string_view>()}) {
      ByteBuffer out;
      Writer w(out);
      encode_request_frame(w, version, 42, client, body);
      CHECK(load_be<std::int32_t>(out.data()) == static_cast<std::int32_t>(out.size() - 4));
      Reader r(out.bytes().subspan(4));
      const auto head = decode_request_header(r);
      REQUIRE(head.has_value());
      CHECK(head->api->key == ApiKey::heartbeat);
      CHECK(head->api_version == version);
      CHECK(head->correlation_id == 42);
      CHECK(head->client_id == client);
      Arena arena;
      HeartbeatRequest back;
      REQUIRE(back.decode(r, version, arena).has_value());
      CHECK(back == body);
      CHECK(r.remaining() == 0);
    }
  }
}

TEST_CASE("Request header: ControlledShutdown 0 has no client id", "[protocol]") {
  ByteBuffer out;
  Writer w(out);
  encode_request_frame(w, 0, 1, "ignored", ControlledShutdownRequest{});
  CHECK(out.size() == 4 + 8 + 4);
}

TEST_CASE("Request header: an unknown key is no error, a cut header is", "[protocol]") {
  const std::string unknown("\x7f\xff\x00\x01\x00\x00\x00\x05", 8);
  Reader r(as_bytes(unknown));
  const auto head = decode_request_header(r);
  REQUIRE(head.has_value());
  CHECK(head->api == nullptr);
  CHECK(head->api_key == 0x7fff);
  CHECK(head->correlation_id == 5);
  // A version above the schema's: the header still follows the rule, so that ApiVersions can answer it (KIP-511).
  const std::string future("\x00\x12\x00\x63\x00\x00\x00\x05\x00\x01" "c" "\x00", 12);
  Reader f(as_bytes(future));
  const auto later = decode_request_header(f);
  REQUIRE(later.has_value());
  CHECK(later->api_version == 99);
  CHECK(later->client_id == std::string_view("c"));
  CHECK(f.remaining() == 0);
  for (std::size_t n = 0; n < future.size(); ++n) {
    Reader cut(as_bytes(future).first(n));
    CHECK_FALSE(decode_request_header(cut).has_value());
  }
}

TEST_CASE("Response header: version 0 for ApiVersions whatever the version", "[protocol]") {
  for (const std::int16_t version : std::vector<std::int16_t>{0, 3, 4}) {
    ByteBuffer out;
    Writer w(out);
    const ApiVersionsResponse body;
    encode_response_frame(w, version, 9, body);
    CHECK(out.size() == 4 + 4 + body.encoded_size(version));
  }
}

}  // namespace
}  // namespace moldau::protocol
