-- Follows wugan's revocation feed, so that an ended session is refused within
-- about a second although HAProxy checks tokens by itself. While the feed cannot
-- be read nothing is forgotten, and nothing new is learnt.
--
-- WUGAN_GATEWAY_KEY is needed, WUGAN_URL (http://127.0.0.1:8080) may be set.

local url = (os.getenv("WUGAN_URL") or "http://127.0.0.1:8080") .. "/api/v1/revocations"
local key = os.getenv("WUGAN_GATEWAY_KEY") or ""
local forget_after = 3600 -- seconds; the feed itself holds one access-token life

local revoked = {}

local function read(cursor, into)
    local address = url
    if cursor then
        address = url .. "?since=" .. cursor .. "&wait=25s"
    end
    local answer = core.httpclient():get {
        url = address,
        headers = { ["authorization"] = { "Bearer " .. key } },
        timeout = 35000,
    }
    if answer == nil or answer.status ~= 200 then
        return nil
    end
    for entry in (answer.body:match('"sessions"%s*:%s*%[(.*)%]') or ""):gmatch("%b{}") do
        local id = entry:match('"id"%s*:%s*"([^"]+)"')
        if id then
            into[id] = true
        end
    end
    return answer.body:match('"cursor"%s*:%s*"([^"]*)"')
end

core.register_task(function()
    while true do
        -- From the start, into a new table: what is no longer in the feed is
        -- forgotten, for no living token can name it.
        local started, fresh = core.now().sec, {}
        local cursor = read(nil, fresh)
        if cursor then
            revoked = fresh
        end
        while cursor and core.now().sec - started < forget_after do
            local next_cursor = read(cursor, revoked)
            if next_cursor == cursor then
                core.msleep(200) -- a service that does not hold answers back
            end
            cursor = next_cursor
        end
        core.msleep(1000)
    end
end)

core.register_fetches("wugan_revoked", function(txn, name)
    local session = txn:get_var(name or "txn.sid")
    if session ~= nil and revoked[session] then
        return "1"
    end
    return "0"
end)
