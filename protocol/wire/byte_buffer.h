// The buffer that an answer is written into; it lives in protocol/base, for batches are made in it too.
#pragma once

#include "protocol/base/byte_buffer.h"
