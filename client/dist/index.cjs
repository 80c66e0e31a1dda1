'use strict';

Object.defineProperty(exports, '__esModule', { value: true });

class ClientError extends Error {
  constructor(name, code, message, retryable, detail) {
    super(message);
    this.name = name;
    this.code = code;
    this.retryable = retryable;
    Object.assign(this, detail);
  }
}
class AuthError extends ClientError {
  constructor(code, message, detail) {
    super("AuthError", code, message, false, detail);
  }
}
class NetworkError extends ClientError {
  constructor(code, message, detail) {
    super("NetworkError", code, message, true, detail);
  }
}
class CancelError extends ClientError {
  constructor() {
    super("CancelError", "aborted", "aborted by the caller", false);
  }
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch (e) {
    return data;
  }
}
function retryAfter(header, now) {
  for (const name in header) {
    if (name.toLowerCase() === "retry-after") {
      const value = String(header[name]);
      return Math.max(0, +value * 1e3 || Date.parse(value) - now || 0);
    }
  }
  return 0;
}
function readTokens(response, now) {
  const status = response.statusCode;
  const body = parsed(response.data) || {};
  if (status < 300 && body.accessToken && typeof body.accessToken === "string") return body;
  const detail = { status, retryAfter: retryAfter(response.header, now), response: status < 300 ? void 0 : response };
  const coded = typeof body.code === "string";
  const code = coded ? body.code : "";
  const message = "HTTP " + status + " " + String(body.detail || code);
  if (status === 401 || coded && status > 399 && status < 500 && status !== 408 && status !== 429) {
    throw new AuthError(code || "unauthorized", message, detail);
  }
  throw new NetworkError(code || "unavailable", message, detail);
}

function join(baseURL, url) {
  return isAbsolute(url) ? url : baseURL.replace(/\/+$/, "") + "/" + url.replace(/^[/\\]+/, "");
}
function isUnder(baseURL, url) {
  return !isAbsolute(url) || !!baseURL && url.indexOf(join(baseURL, "")) === 0;
}
function isAbsolute(url) {
  return /^[a-z][a-z\d+.-]*:/i.test(url);
}

const nothing = () => void 0;
const wait = (milliseconds) => new Promise((resolve) => {
  setTimeout(resolve, milliseconds);
});
function limit(work, milliseconds, late) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new NetworkError("timeout", "no answer within " + milliseconds + " ms"));
      late();
    }, milliseconds);
    work.then(resolve, reject).then(() => {
      clearTimeout(timer);
    });
  });
}
function call(host, method, options, timeout) {
  let task;
  let fail = nothing;
  const answer = new Promise((resolve, reject) => {
    fail = (cause) => {
      reject(new NetworkError("network", method + " failed: " + (cause && (cause.errMsg || cause.message) || ""), { cause }));
    };
    try {
      task = host[method](Object.assign({}, options, { timeout, success: resolve, fail }));
      if (task && task.then) task.then(nothing, nothing);
    } catch (cause) {
      fail(cause);
    }
  });
  const abort = () => {
    if (task && task.abort) task.abort();
    fail(void 0);
  };
  return {
    answer: limit(answer, timeout, abort),
    abort,
    onProgressUpdate: (listener) => {
      if (task && task.onProgressUpdate) task.onProgressUpdate(listener);
    }
  };
}
function post({ host, baseURL }, path, data, timeout) {
  return call(host, "request", { url: join(baseURL, path), method: "POST", data, header: { "content-type": "application/json" } }, timeout);
}
function createPlaces(most) {
  const taken = {};
  const waiting = {};
  return (kind) => new Promise((resolve) => {
    const queue = waiting[kind] || (waiting[kind] = []);
    const enter = () => {
      let given = true;
      taken[kind] = (taken[kind] || 0) + 1;
      resolve(() => {
        if (!given) return;
        given = false;
        taken[kind]--;
        const next = queue.shift();
        if (next) next();
      });
    };
    if ((taken[kind] || 0) < most) enter();
    else queue.push(enter);
  });
}

const CALL_LIMIT = 1e4;
const TRIES_LIMIT = 15e3;
const REFUSAL_PAUSE = 3e3;
const LONGEST_PAUSE = 6e4;
function createFlights(parts) {
  const { options, paths, storageKey, store, now } = parts;
  const { host, getCode } = options;
  const canLogIn = !!(getCode || host.login);
  let epoch = 0;
  let flight;
  let tail = Promise.resolve();
  let failure;
  const within = (pause) => !!failure && Math.abs(now() - failure.at) < pause;
  const ask = (path, data, milliseconds) => post(options, path, data, milliseconds).answer.then((response) => readTokens(response, now()));
  const retrying = (mine, attempt) => {
    let left = TRIES_LIMIT;
    let delay = 300;
    const again = () => {
      const most = Math.min(CALL_LIMIT, left);
      const began = now();
      return attempt(most).catch((error) => {
        const pause = Math.max(delay * (0.75 + (options.random || Math.random)() / 2), error.retryAfter || 0);
        left -= Math.max(0, Math.min(most, now() - began)) + pause;
        if (!error.retryable || delay > 900 || left <= 0) throw error;
        delay *= 3;
        return wait(pause).then(() => {
          if (mine !== epoch) throw error;
          return again();
        });
      });
    };
    return again();
  };
  const accept = (mine, type) => (tokens) => {
    if (mine !== epoch) {
      parts.revoke(tokens.refreshToken);
      throw gone();
    }
    parts.accepted(type, tokens);
    return store.token();
  };
  const newCode = (milliseconds) => {
    if (!canLogIn) return Promise.reject(new AuthError("login_required", "give getCode, or call login(code)"));
    const code = getCode ? limit(Promise.resolve().then(getCode), milliseconds, nothing).catch((cause) => {
      throw cause instanceof NetworkError ? cause : new AuthError("no_code", "getCode failed", { cause });
    }) : call(host, "login", {}, milliseconds).answer.then((result) => result.code);
    return code.then((value) => {
      if (!value) throw new NetworkError("no_code", "no code");
      return value;
    });
  };
  const login = (mine, code) => {
    let fresh = 2;
    const attempt = (milliseconds) => {
      const given = code;
      code = void 0;
      return (given ? Promise.resolve(given) : newCode(milliseconds)).then((value) => {
        if (mine !== epoch) throw gone();
        return ask(
          paths.login,
          { code: value, appId: options.appId, deviceId: options.deviceId, deviceName: options.deviceName },
          milliseconds
        ).catch((error) => {
          if (canLogIn && /^(code_used|invalid_code)$/.test(error.code) && --fresh) return attempt(milliseconds);
          throw error;
        });
      });
    };
    return retrying(mine, attempt).then(accept(mine, "loggedIn"));
  };
  const refresh = (mine) => retrying(mine, (milliseconds) => ask(paths.refresh, { refreshToken: store.held().refreshToken }, milliseconds)).then(accept(mine, "refreshed"));
  const start = (explicit = false, code) => {
    if (flight && (!explicit || flight.explicit && !code)) return flight.promise;
    if (!explicit && store.isLoggedOut()) return Promise.reject(gone());
    if (failure && within(failure.pause) && (!code || failure.error.retryable)) return Promise.reject(failure.error);
    const mine = epoch;
    const from = store.token();
    let stage = "refreshFailed";
    const isDone = () => {
      parts.sync();
      if (mine !== epoch) throw gone();
      return store.token() !== from && store.usable();
    };
    const logIn = () => {
      stage = "loginFailed";
      return login(mine, code);
    };
    const work = () => Promise.resolve().then(() => {
      const done = isDone();
      if (explicit) return logIn();
      if (done) return store.token();
      const held = store.held();
      if (!held || !held.refreshToken || canLogIn && store.isTooOld()) return logIn();
      return refresh(mine).catch((error) => {
        if (error.retryable || mine !== epoch) throw error;
        if (isDone()) return store.token();
        store.write(Object.assign({}, store.held(), { refreshToken: "" }));
        return logIn();
      });
    });
    const promise = tail.then(() => host.withLock ? host.withLock(storageKey, CALL_LIMIT, work) : work());
    const mineNow = flight = { explicit, promise };
    const landed = (error) => {
      if (flight === mineNow) flight = void 0;
      if (mine !== epoch) return;
      failure = error && { error, at: now(), pause: error.retryable ? Math.min(error.retryAfter || 0, LONGEST_PAUSE) : REFUSAL_PAUSE };
      if (error) parts.failed(stage, error);
    };
    tail = promise.then(() => {
      landed();
    }, landed);
    return promise;
  };
  return {
    start,
    current: () => flight,
    drop: () => {
      epoch++;
      flight = void 0;
    },
    isPausing: () => within(REFUSAL_PAUSE)
  };
}
function gone() {
  return new AuthError("logged_out", "logged out; call login()");
}

const GOOD = 0;
const ENDING = 1;
const OVER = 2;
function createStore(host, key, now, onWriteFailed) {
  let held;
  let refused;
  let wasRead = false;
  const token = () => held && held.accessToken || "";
  const spent = () => now() - held.at;
  const isRefused = () => token() === refused;
  const reread = () => {
    wasRead = true;
    try {
      const read = JSON.parse(host.getStorageSync(key));
      if (read && read.v === 1 && read.n > (held ? held.n : 0)) {
        held = read;
        return true;
      }
    } catch (e) {
    }
    return false;
  };
  const age = () => {
    const life = held.expiresIn * 1e3;
    return spent() >= 0 && spent() > life - Math.min(6e4, life / 10) ? spent() < life ? ENDING : OVER : GOOD;
  };
  return {
    held: () => held,
    load: () => {
      if (!wasRead) reread();
    },
    reread,
    write: (session) => {
      held = Object.assign({ at: now() }, session, { v: 1, n: (held ? held.n : 0) + 1 });
      try {
        host.setStorageSync(key, JSON.stringify(held));
      } catch (cause) {
        try {
          host.removeStorageSync(key);
        } catch (e) {
        }
        onWriteFailed(cause);
      }
    },
    token,
    refuse: (old) => {
      refused = old;
    },
    isRefused,
    isLoggedOut: () => !!held && !token(),
    userId: () => held && held.user && held.user.id,
    age,
    usable: () => !!token() && !isRefused() && age() < OVER,
    isTooOld: () => spent() >= held.refreshExpiresIn * 1e3
  };
}

function createClient(options) {
  const { host, baseURL } = options;
  const now = options.now || (() => Date.now());
  const paths = Object.assign(
    { login: "/api/v1/auth/login", refresh: "/api/v1/auth/refresh", logout: "/api/v1/auth/logout" },
    options.paths
  );
  const storageKey = options.storageKey || "wugan";
  const timeout = options.timeout || 6e4;
  const isAuthError = options.isAuthError || ((response) => response.statusCode === 401);
  const attach = options.attach || ((header, token2) => {
    header.Authorization = "Bearer " + token2;
  });
  const listeners = [];
  const pending = /* @__PURE__ */ new Set();
  const place = createPlaces(options.maxConcurrent || 9);
  const store = createStore(host, storageKey, now, (cause) => {
    emit("storageFailed", new NetworkError("storage", "the session was not stored", { cause }));
  });
  const getSession = () => {
    store.load();
    const held = store.held();
    const flying = flights.current();
    const has = store.token();
    const session = {
      state: flying ? has ? "renewing" : "authenticating" : has ? "authenticated" : held ? "loggedOut" : "anonymous"
    };
    if (has) {
      const { at, expiresIn, refreshExpiresIn, user } = held;
      Object.assign(session, { user, receivedAt: at, expiresAt: at + expiresIn * 1e3, refreshExpiresAt: at + refreshExpiresIn * 1e3 });
    }
    return session;
  };
  const emit = (type, error) => {
    const event = { type, session: getSession(), error };
    listeners.slice().forEach((listener) => {
      Promise.resolve(event).then(listener);
    });
  };
  const endOthers = (error, user) => {
    flights.drop();
    pending.forEach((one) => {
      if (one.owner !== void 0 && (!user || one.owner && one.owner !== user)) one.end(error);
    });
  };
  const changed = (before, type) => {
    const user = store.userId();
    if (before && user && before !== user) {
      endOthers(new AuthError("user_changed", "another user logged in"), user);
      emit("userChanged");
    }
    emit(type);
  };
  const sync = () => {
    const before = store.userId();
    const had = store.token();
    if (!store.reread()) return;
    if (store.token()) changed(before, had && before === store.userId() ? "refreshed" : "loggedIn");
    else if (had) {
      endOthers(gone());
      emit("loggedOut");
    }
  };
  const revoke = (refreshToken) => !refreshToken ? Promise.resolve() : place("request").then(
    (leave) => (
      // What cannot be revoked now ends by itself; the user is logged out here in any case.
      post(options, paths.logout, { refreshToken }, CALL_LIMIT).answer.then(leave, leave)
    )
  );
  const flights = createFlights({
    options,
    paths,
    storageKey,
    store,
    now,
    sync,
    revoke,
    failed: emit,
    accepted: (type, tokens) => {
      const before = store.userId();
      store.write(Object.assign({}, type === "refreshed" && store.held(), tokens, { at: now() }));
      changed(before, type);
    }
  });
  const ready = (patient) => {
    store.load();
    if (store.usable()) {
      if (store.age() === GOOD || flights.isPausing()) return Promise.resolve();
      const ahead = flights.start().catch(nothing);
      return patient ? ahead.then(() => store.usable() ? void 0 : ready()) : Promise.resolve();
    }
    return flights.start();
  };
  const task = (owner2, progress, run) => {
    const one = { owner: owner2, stop: nothing, end: nothing };
    const promise = new Promise((resolve, reject) => {
      pending.add(one);
      one.end = (error) => {
        if (pending.delete(one)) {
          reject(error);
          one.stop();
        }
      };
      run(one).then((value) => {
        if (pending.delete(one)) resolve(value);
      }, one.end);
    });
    return Object.assign(promise, {
      abort: () => {
        one.end(new CancelError());
      },
      onProgressUpdate: (listener) => {
        progress.push(listener);
      }
    });
  };
  const owner = () => {
    store.load();
    return store.userId() || "";
  };
  const send = (method, given) => {
    const url = join(baseURL, given.url);
    const { auth, retry } = given;
    const isOwn = isUnder(baseURL, url) && ![paths.login, paths.refresh, paths.logout].some((path) => join(baseURL, path) === url);
    const withToken = auth === void 0 ? isOwn : auth;
    const progress = [];
    let repeats = (given.method || "GET") === "GET" ? Number(retry) || 0 : 0;
    let delay = 100;
    let waits = 0;
    let wasRefused = false;
    return task(withToken ? owner() : void 0, progress, (one) => {
      const attempt = () => (withToken ? ready(method !== "request") : Promise.resolve()).then(() => place(method)).then((leave) => {
        if (!pending.has(one)) {
          leave();
          throw new CancelError();
        }
        if (withToken && (store.isRefused() || !store.usable() && waits++ < 2)) {
          leave();
          return attempt();
        }
        const token2 = store.token();
        const header = Object.assign({}, given.header);
        if (withToken) attach(header, token2);
        const onWire = call(host, method, Object.assign({}, given, { url, header }), given.timeout || timeout);
        onWire.onProgressUpdate((event) => {
          progress.forEach((listener) => {
            listener(event);
          });
        });
        one.stop = () => {
          onWire.abort();
          leave();
        };
        return onWire.answer.then(
          (response) => {
            leave();
            return check(response, token2);
          },
          (error) => {
            leave();
            if (!repeats-- || !pending.has(one)) throw error;
            return wait(delay *= 3).then(attempt);
          }
        );
      });
      const check = (response, token2) => {
        const { statusCode } = response;
        if (method === "downloadFile" && !(statusCode >= 200 && statusCode < 300)) dropFile(response);
        if (!withToken || !isAuthError(method === "uploadFile" ? Object.assign({}, response, { data: parsed(response.data) }) : response)) return response;
        if (wasRefused) throw new AuthError("unauthorized", "refused with a new token too", { status: statusCode, response });
        wasRefused = true;
        if (store.token() === token2) store.refuse(token2);
        return attempt();
      };
      return attempt();
    });
  };
  const dropFile = (response) => {
    const filePath = response.filePath || response.tempFilePath;
    delete response.filePath;
    delete response.tempFilePath;
    try {
      host.getFileSystemManager().unlink({ filePath, success: nothing, fail: nothing });
    } catch (e) {
    }
  };
  const withBody = (method) => (url, data, more) => send("request", Object.assign({ url, data, method }, more));
  const token = (first) => task(owner(), [], () => first().then(() => store.token()));
  const wake = () => {
    store.load();
    if (store.token()) ready().catch(nothing);
  };
  if (host.onAppShow) host.onAppShow(wake);
  const unwatch = host.watchStorage ? host.watchStorage(storageKey, sync) : nothing;
  return {
    request: (given) => send("request", given),
    get: withBody("GET"),
    post: withBody("POST"),
    put: withBody("PUT"),
    delete: withBody("DELETE"),
    uploadFile: (given) => send("uploadFile", given),
    downloadFile: (given) => send("downloadFile", given),
    login: (code) => task("", [], () => {
      store.load();
      return flights.start(true, code).then(getSession);
    }),
    refresh: (refusedToken) => token(() => {
      if (refusedToken !== void 0) {
        if (store.token() !== refusedToken) return ready();
        store.refuse(refusedToken);
      }
      return flights.start();
    }),
    logout: () => {
      store.load();
      const held = store.held();
      store.write({});
      endOthers(gone());
      if (held && held.accessToken) emit("loggedOut");
      return revoke(held && held.refreshToken);
    },
    getAccessToken: () => token(ready),
    getSession,
    onAuthStateChange: (listener) => {
      listeners.push(listener);
      return () => {
        listeners.splice(listeners.indexOf(listener) >>> 0, 1);
      };
    },
    close: () => {
      if (host.offAppShow) host.offAppShow(wake);
      unwatch();
    }
  };
}

function tabLock(name, patience, work) {
  const locks = typeof navigator === "undefined" ? void 0 : navigator.locks;
  if (!locks) return work();
  const gaveUp = new AbortController();
  let started;
  const timer = setTimeout(() => {
    gaveUp.abort();
  }, patience);
  const start = () => {
    clearTimeout(timer);
    return started = started != null ? started : work();
  };
  return locks.request(name, { signal: gaveUp.signal }, start).catch(start);
}
function watchKey(key, changed) {
  if (typeof addEventListener === "undefined") return () => void 0;
  const listener = (event) => {
    if (event.key === key) changed();
  };
  addEventListener("storage", listener);
  return () => {
    removeEventListener("storage", listener);
  };
}

function fetchHost(options = {}) {
  const memory = /* @__PURE__ */ new Map();
  const inMemory = {
    getItem: (key) => {
      var _a;
      return (_a = memory.get(key)) != null ? _a : null;
    },
    setItem: (key, value) => void memory.set(key, value),
    removeItem: (key) => void memory.delete(key)
  };
  const storage = () => {
    var _a, _b;
    return (_b = (_a = options.storage) != null ? _a : globalThis.localStorage) != null ? _b : inMemory;
  };
  const run = (sent, read) => {
    var _a, _b;
    const gaveUp = new AbortController();
    const timer = setTimeout(() => {
      gaveUp.abort();
    }, sent.timeout);
    const { url, body, header } = encode(sent);
    const fetching = (_a = options.fetch) != null ? _a : fetch;
    const init = { method: (_b = sent.method) != null ? _b : "GET", headers: header, signal: gaveUp.signal };
    if (body !== void 0) init.body = body;
    if (options.credentials) init.credentials = options.credentials;
    fetching(url, init).then((response) => {
      const received = {};
      response.headers.forEach((value, name) => {
        received[name] = value;
      });
      return read(response, received).then((result) => Object.assign({ statusCode: response.status, header: received }, result));
    }).finally(() => {
      clearTimeout(timer);
    }).then(sent.success, sent.fail);
    return gaveUp;
  };
  return {
    request(sent) {
      const gaveUp = run(
        sent,
        (response) => sent.responseType === "arraybuffer" ? response.arrayBuffer().then((data) => ({ data })) : response.text().then((text) => ({ data: parsed(text) }))
      );
      return { abort: () => {
        gaveUp.abort();
      } };
    },
    downloadFile(sent) {
      let report = () => void 0;
      const gaveUp = run(
        sent,
        (response, header) => response.ok ? collect(response, Number(header["content-length"]), (progress) => {
          report(progress);
        }).then((blob) => ({ tempFilePath: URL.createObjectURL(blob) })) : Promise.resolve({})
      );
      return {
        abort: () => {
          gaveUp.abort();
        },
        onProgressUpdate: (listener) => {
          report = listener;
        }
      };
    },
    // fetch tells nothing of an upload's progress; XMLHttpRequest does.
    uploadFile(sent) {
      var _a, _b;
      const xhr = new XMLHttpRequest();
      const form = new FormData();
      for (const [name, value] of Object.entries((_a = sent.formData) != null ? _a : {})) form.append(name, value);
      form.append(sent.name, sent.filePath);
      xhr.open("POST", sent.url);
      xhr.timeout = sent.timeout;
      for (const [name, value] of Object.entries((_b = sent.header) != null ? _b : {})) {
        if (name.toLowerCase() !== "content-type") xhr.setRequestHeader(name, value);
      }
      xhr.onload = () => {
        sent.success({ statusCode: xhr.status, data: xhr.responseText, header: headersOf(xhr) });
      };
      xhr.onerror = xhr.onabort = xhr.ontimeout = (event) => {
        sent.fail({ errMsg: "uploadFile:fail " + event.type });
      };
      xhr.send(form);
      return {
        abort: () => {
          xhr.abort();
        },
        onProgressUpdate: (listener) => {
          xhr.upload.onprogress = ({ loaded, total }) => {
            listener({ progress: percent(loaded, total), totalBytesSent: loaded, totalBytesExpectedToSend: total });
          };
        }
      };
    },
    getStorageSync: (key) => storage().getItem(key),
    setStorageSync: (key, value) => {
      storage().setItem(key, value);
    },
    removeStorageSync: (key) => {
      storage().removeItem(key);
    },
    onAppShow(listener) {
      if (typeof document === "undefined") return;
      document.addEventListener("visibilitychange", shown(listener));
      addEventListener("online", listener);
    },
    offAppShow(listener) {
      if (typeof document === "undefined") return;
      document.removeEventListener("visibilitychange", shown(listener));
      removeEventListener("online", listener);
    },
    withLock: tabLock,
    watchStorage: watchKey
  };
}
const whenShown = /* @__PURE__ */ new WeakMap();
function shown(listener) {
  const existing = whenShown.get(listener);
  if (existing) return existing;
  const made = () => {
    if (document.visibilityState === "visible") listener();
  };
  whenShown.set(listener, made);
  return made;
}
function encode({ url, method = "GET", data, header = {} }) {
  var _a;
  if (data === void 0 || data === null) return { url, header: without(header, "content-type") };
  const isPlain = Object.prototype.toString.call(data) === "[object Object]";
  if (isPlain && (method === "GET" || method === "HEAD")) {
    const query = pairs(data).toString();
    return { url: query ? url + (url.includes("?") ? "&" : "?") + query : url, header };
  }
  if (!isPlain && !Array.isArray(data)) return { url, header, body: data };
  const type = Object.keys(header).find((name) => name.toLowerCase() === "content-type");
  if (type !== void 0 && /x-www-form-urlencoded/i.test((_a = header[type]) != null ? _a : "")) return { url, header, body: pairs(data) };
  return { url, header: type === void 0 ? Object.assign({ "content-type": "application/json" }, header) : header, body: JSON.stringify(data) };
}
function pairs(data) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(data)) {
    if (value !== void 0 && value !== null) query.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return query;
}
function without(header, name) {
  return Object.fromEntries(Object.entries(header).filter(([key]) => key.toLowerCase() !== name));
}
function headersOf(xhr) {
  const header = {};
  for (const line of xhr.getAllResponseHeaders().split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) header[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return header;
}
function collect(response, total, report) {
  var _a;
  const type = (_a = response.headers.get("content-type")) != null ? _a : "";
  if (!response.body) return response.blob();
  const reader = response.body.getReader();
  const chunks = [];
  let got = 0;
  const next = () => reader.read().then(({ done, value }) => {
    if (done) return new Blob(chunks, { type });
    chunks.push(value);
    got += value.length;
    report({ progress: percent(got, total), totalBytesWritten: got, totalBytesExpectedToWrite: total || 0 });
    return next();
  });
  return next();
}
function percent(done, total) {
  return total > 0 ? Math.floor(done / total * 100) : 0;
}

exports.AuthError = AuthError;
exports.CancelError = CancelError;
exports.ClientError = ClientError;
exports.NetworkError = NetworkError;
exports.createClient = createClient;
exports.fetchHost = fetchHost;
