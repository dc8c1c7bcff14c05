// InitProducerId (key 22, v0-5): a producer id for an idempotent producer (KIP-98). Kafka 3.9 KafkaApis.handleInitProducerIdRequest.
#include "config/broker_config.h"
#include "config/dynamic_config.h"
#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "protocol/messages/init_producer_id.h"
#include "server/coordinator/transaction/producer_id_manager.h"
#include "server/handlers/handlers.h"

namespace moldau::server {

Awaitable<protocol::InitProducerIdResponse> handle_init_producer_id(RequestContext& ctx, const protocol::InitProducerIdRequest& req) {
  protocol::InitProducerIdResponse response;
  // Id and epoch come together or not at all.
  if ((req.producer_id == kNoProducerId) != (req.producer_epoch == kNoProducerEpoch)) co_return error_response(req, ErrorCode::invalid_request, ctx.arena());
  if (req.transactional_id) {
    const bool timeout_fits = req.transaction_timeout_ms > 0 && req.transaction_timeout_ms <= ctx.config().current()->transaction_max_timeout_ms;
    if (!req.transactional_id->empty() && !timeout_fits) co_return error_response(req, ErrorCode::invalid_transaction_timeout, ctx.arena());
    // DIFFERS: transactions come later; until then their producers are told at once.
    MOLDAU_LOG(transaction, warn, "'{}' asks for the transactional id '{}': transactions are not supported yet, answered INVALID_REQUEST",
               log_text(ctx.client_id), log_text(*req.transactional_id));
    co_return error_response(req, ErrorCode::invalid_request, ctx.arena());
  }
  const auto id = co_await ctx.producer_ids().generate();
  if (!id) co_return error_response(req, id.error().code, ctx.arena());
  response.producer_id = *id;
  response.producer_epoch = ProducerEpoch(0);
  co_return response;
}

}  // namespace moldau::server
