// All request handlers, one line an API, in the order of their names. Each lives in a file of its own.
#pragma once

#include "protocol/base/async.h"
#include "server/handlers/request_context.h"

namespace moldau::server {

}  // namespace moldau::server
