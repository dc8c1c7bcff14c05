// InitProducerId (key 22, v0-5): a producer id for an idempotent producer (KIP-98). Kafka 3.9 KafkaApis.handleInitProducerIdRequest.
#include "protocol/base/log.h"
#include "protocol/messages/init_producer_id.h"
#include "server/coordinator/transaction/producer_id_manager.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::InitProducerIdResponse> handle_init_producer_id(RequestContext& ctx, const protocol::InitProducerIdRequest& req) {
  protocol::InitProducerIdResponse response;
  if (req.transactional_id) {
    // DIFFERS: transactions come later; until then their producers are told at once.
    MOLDAU_LOG(transaction, warn, "{} asks for the transactional id '{}': transactions are not supported yet, answered INVALID_REQUEST", ctx.client_id,
               *req.transactional_id);
    co_return error_response(req, ErrorCode::invalid_request, ctx.arena());
  }
  // Id and epoch come together or not at all.
  if ((req.producer_id == kNoProducerId) != (req.producer_epoch == kNoProducerEpoch)) co_return error_response(req, ErrorCode::invalid_request, ctx.arena());
  const auto id = co_await ctx.producer_ids().generate();
  if (!id) co_return error_response(req, id.error().code, ctx.arena());
  response.producer_id = *id;
  response.producer_epoch = ProducerEpoch(0);
  co_return response;
}

}  // namespace moldau::server
