-- What the server does in one step. library.rs puts the shebang and the lines that name the functions before this
-- text, and registers them under names that carry a hash of it: two versions of nsm at one server never call
-- each other's code.
--
-- A shard's keys share one hash tag, and so one slot of a cluster:
--   {nsm:SHARD}:h         the header: f the fence's text, d whether a commit broke off ("1"), b the header's bytes
--   {nsm:SHARD}:INC:c     counters of incarnation INC, a field each
--   {nsm:SHARD}:INC:e:N   entity records of bucket N, a field each
--
-- Globals such as `string` exist only within functions, not at this level.

-- Lua's stack bounds how many values `unpack` may give (about 8,000). Even, so that field and value stay together.
local CHUNK = 4000

-- Calls `command key args[first..last]`, in as many calls as it takes; `key` may be nil.
local function in_chunks(command, key, args, first, last)
  while first <= last do
    local stop = math.min(first + CHUNK - 1, last)
    if key then
      redis.call(command, key, unpack(args, first, stop))
    else
      redis.call(command, unpack(args, first, stop))
    end
    first = stop + 1
  end
end

-- The incarnation in a fence's text, format|topic|catalogue|incarnation|next; nil if it has another shape.
local function incarnation(fence)
  return string.match(fence, '^[^|]*|[^|]*|[^|]*|(%d+)|[^|]*$')
end

-- Writes a batch if the stored fence is the one that it starts from.
--
-- keys: the header, the counters, then the buckets touched; for a claim all buckets.
-- args: the fence expected ('' for none), whether the batch claims a new incarnation ('1'), the fence after it, the
--       header after it, then how many arguments the counters are and these (field, value, ...), then for each
--       bucket: how many arguments it sets, how many it deletes, those set (field, value, ...), those deleted.
-- Answers {1, nil, nil}, or {0, the stored fence or nil, the stored mark} if nothing was written.
--
-- A function that fails does not roll back. So the mark of a commit that broke off is set first and cleared last,
-- together with the new fence. A claim starts from nothing, whatever a claim that broke off has left behind.
local function commit(keys, args)
  local header = keys[1]
  local stored = redis.call('HMGET', header, 'f', 'd')
  local fence, dirty, claims = stored[1], stored[2], args[2] == '1'
  if (fence or '') ~= args[1] or (dirty == '1' and not claims) then
    return { 0, fence, dirty }
  end

  redis.call('HSET', header, 'd', '1')
  if claims then
    in_chunks('UNLINK', nil, keys, 2, #keys)
  end

  local at = 6 + tonumber(args[5])
  in_chunks('HSET', keys[2], args, 6, at - 1)
  for i = 3, #keys do
    local sets = at + 2
    local deletes = sets + tonumber(args[at])
    local stop = deletes + tonumber(args[at + 1])
    in_chunks('HSET', keys[i], args, sets, deletes - 1)
    in_chunks('HDEL', keys[i], args, deletes, stop - 1)
    at = stop
  end

  redis.call('HSET', header, 'f', args[3], 'b', args[4], 'd', '0')
  return { 1, false, false }
end

-- Records, and the state that they belong to. keys: the header, then buckets. args: for each bucket, how many fields are
-- asked for, and these.
-- Answers {fence or nil, mark, {value or nil, ...}}.
local function records(keys, args)
  local header = redis.call('HMGET', keys[1], 'f', 'd')
  local values, at = {}, 1
  for i = 2, #keys do
    local first, last = at + 1, at + tonumber(args[at])
    while first <= last do
      local stop = math.min(first + CHUNK - 1, last)
      for _, value in ipairs(redis.call('HMGET', keys[i], unpack(args, first, stop))) do
        values[#values + 1] = value
      end
      first = stop + 1
    end
    at = last + 1
  end
  return { header[1], header[2], values }
end

-- All records of some buckets, and the state that they belong to. keys: the header, then the buckets.
-- Answers {fence or nil, mark, {field, value, ...}}.
local function portion(keys)
  local header = redis.call('HMGET', keys[1], 'f', 'd')
  local fields = {}
  for i = 2, #keys do
    for _, field in ipairs(redis.call('HGETALL', keys[i])) do
      fields[#fields + 1] = field
    end
  end
  return { header[1], header[2], fields }
end

-- The header and all counters of the living incarnation. keys: the header. The key of the counters follows from the
-- fence that is stored, so it cannot be named beforehand; it lies in the header's slot.
-- Answers {fence or nil, mark, header bytes, {field, value, ...}}.
local function snapshot(keys)
  local header = redis.call('HMGET', keys[1], 'f', 'd', 'b')
  local living = header[1] and incarnation(header[1])
  local counters = {}
  if living then
    counters = redis.call('HGETALL', string.sub(keys[1], 1, -2) .. living .. ':c')
  end
  return { header[1], header[2], header[3], counters }
end

-- Deletes the keys of an incarnation, unless it is the living one: the store may have gone back to it since the
-- caller looked. keys: the header, then all keys of the incarnation. args: the incarnation.
-- Answers 1, or 0 if it lives.
local function discard(keys, args)
  local fence = redis.call('HGET', keys[1], 'f')
  if fence and incarnation(fence) == args[1] then
    return 0
  end
  in_chunks('UNLINK', nil, keys, 2, #keys)
  return 1
end

redis.register_function(COMMIT, commit)
redis.register_function(DISCARD, discard)
redis.register_function { function_name = PORTION, callback = portion, flags = { 'no-writes' } }
redis.register_function { function_name = RECORDS, callback = records, flags = { 'no-writes' } }
redis.register_function { function_name = SNAPSHOT, callback = snapshot, flags = { 'no-writes' } }
