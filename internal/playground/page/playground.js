// Built from internal/playground/src and client/src by internal/playground/build.sh; do not edit.
"use strict";
(() => {
  // internal/playground/src/dom.ts
  function make(tag, className = "", ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  }
  function byId(id) {
    const element = document.getElementById(id);
    if (!element) throw new Error("the page lacks #" + id);
    return element;
  }
  function write(element, text2) {
    if (element.textContent !== text2) element.textContent = text2;
  }

  // internal/playground/src/phone.ts
  function drawPhone(stage2, text2) {
    const tokens = stage2.tokens();
    const { state } = stage2.phone.getSession();
    const card = byId("phone");
    card.dataset["state"] = state;
    write(byId("state"), text2.say(`state.${state}`));
    write(byId("name"), stage2.name);
    drawBar("access", tokens && tokens.at + tokens.expiresIn * 1e3, tokens?.expiresIn, tokens?.accessToken, text2);
    drawBar("refresh", tokens && tokens.at + tokens.refreshExpiresIn * 1e3, tokens?.refreshExpiresIn, tokens?.refreshToken, text2);
    const { answered, refreshes, logins, noticed } = stage2.totals;
    write(byId("answered"), String(answered));
    write(byId("refreshes"), String(refreshes));
    write(byId("logins"), String(logins));
    write(byId("noticed"), noticed ? String(noticed) : text2.say("noticedNothing"));
    byId("noticed").dataset["some"] = String(noticed > 0);
    const isOut = state === "loggedOut" || state === "anonymous";
    write(byId("log-in-or-out"), text2.say(isOut ? "login" : "logout"));
  }
  function drawBar(id, end, life, token, text2) {
    const bar = byId(id);
    const left = end === void 0 || !life ? 0 : Math.max(0, end - Date.now());
    const share = life ? Math.min(1, left / (life * 1e3)) : 0;
    bar.dataset["level"] = token === void 0 ? "none" : share === 0 ? "over" : share < 0.25 ? "low" : "good";
    const fill = bar.querySelector(".fill");
    if (fill) fill.style.transform = `scaleX(${share.toFixed(4)})`;
    const says = token === void 0 ? text2.say("none") : left === 0 ? text2.say("over") : lasting(left, text2);
    write(bar.querySelector(".left"), says);
    const meter = bar.querySelector("[role=meter]");
    meter.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    meter.setAttribute("aria-valuetext", says);
    const tail = token === void 0 ? "" : "…" + token.slice(-6);
    const shown2 = bar.querySelector(".tail");
    if (shown2.textContent !== tail) {
      shown2.textContent = tail;
      bar.classList.remove("fresh");
      void bar.offsetWidth;
      bar.classList.add("fresh");
    }
  }
  function lasting(milliseconds, text2) {
    const seconds = Math.ceil(milliseconds / 1e3);
    const units = [
      [Math.floor(seconds / 86400), "days"],
      [Math.floor(seconds / 3600) % 24, "hours"],
      [Math.floor(seconds / 60) % 60, "minutes"],
      [seconds % 60, "seconds"]
    ];
    const first = Math.max(0, units.findIndex(([n]) => n > 0));
    return units.slice(first, first + 2).map(([n, unit]) => `${String(n)} ${text2.say(unit)}`).join(" ");
  }

  // internal/playground/src/story.ts
  function rowOf(scene, call2) {
    const key = call2.kind === "request" ? `${call2.actor} ${call2.id}` : `${call2.actor} ${call2.kind}`;
    let row = scene.rows.find((one) => one.key === key);
    if (!row) {
      row = { key, actor: call2.actor, kind: call2.kind, method: call2.method, path: call2.path, calls: [] };
      scene.rows.push(row);
    }
    return row;
  }
  function factsOf(scene, actor) {
    const rows = scene.rows.filter((row) => !actor || row.actor === actor);
    const calls = rows.flatMap((row) => row.calls);
    const count = (test) => calls.filter(test).length;
    const requests = rows.filter((row) => row.kind === "request");
    const settled = requests.flatMap((row) => row.got === void 0 ? row.calls.filter((call2) => call2.status !== 401).map((call2) => call2.status) : [row.got]);
    return {
      requests: settled.length,
      answers: settled.filter((got) => typeof got === "number" && got < 400).length,
      refused: count((call2) => call2.status === 401),
      refreshes: count((call2) => call2.kind === "refresh" && call2.status === 200),
      logins: count((call2) => call2.kind === "login" && call2.status === 200),
      lost: count((call2) => call2.lost === true),
      unavailable: count((call2) => call2.status === 503),
      rejected: settled.filter((got) => typeof got === "string").length,
      milliseconds: (scene.ended ?? performance.now()) - scene.began
    };
  }

  // client/src/errors.ts
  var ClientError = class extends Error {
    constructor(name, code, message, retryable, detail) {
      super(message || code);
      Object.assign(this, { name, code, retryable }, detail);
    }
  };
  var AuthError = class extends ClientError {
    constructor(code, message, detail) {
      super("AuthError", code, message, false, detail);
    }
  };
  var NetworkError = class extends ClientError {
    constructor(code, message, detail) {
      super("NetworkError", code, message, true, detail);
    }
  };
  var CancelError = class extends ClientError {
    constructor() {
      super("CancelError", "aborted", "", false);
    }
  };

  // client/src/answers.ts
  function parsed(data) {
    try {
      return JSON.parse(data);
    } catch {
      return data;
    }
  }
  function isOk({ statusCode }) {
    return statusCode > 199 && statusCode < 300;
  }
  function retryAfter(header = {}, now) {
    const value = header["retry-after"] || header["Retry-After"];
    return Math.max(0, +value * 1e3 || Date.parse(value) - now || 0);
  }
  function refusal(response, now) {
    const status = response.statusCode;
    const body = parsed(response.data) || {};
    const detail = { status, retryAfter: retryAfter(response.header, now), response: isOk(response) ? void 0 : response, reason: body.reason };
    const code = typeof body.code === "string" ? body.code : "";
    const message = "HTTP " + status + " " + (body.detail || code);
    return status === 401 || code && status > 399 && status < 500 && status !== 408 && status !== 429 ? new AuthError(code || "unauthorized", message, detail) : new NetworkError(code || "unavailable", message, detail);
  }
  function readTokens(response, sentAt, now) {
    const body = parsed(response.data);
    if (isOk(response) && body && body.accessToken && typeof body.accessToken === "string") return Object.assign({}, body, { at: sentAt });
    throw refusal(response, now);
  }

  // client/src/url.ts
  function join(baseURL, url) {
    return /^[a-z][a-z\d+.-]*:/i.test(url) ? url : baseURL.replace(/\/+$/, "") + "/" + url.replace(/^[/\\\s]+/, "");
  }
  function isUnder(baseURL, joined) {
    return joined.indexOf(join(baseURL, "")) === 0;
  }
  function bare(url) {
    return url.replace(/\/*([?#].*)?$/, "");
  }

  // client/src/wire.ts
  var SIGNALS = ["onProgressUpdate", "onHeadersReceived", "onChunkReceived"];
  var nothing = () => void 0;
  var wait = (milliseconds) => new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
  function limit(work, milliseconds, late) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new NetworkError("timeout", "no answer in " + milliseconds + " ms"));
        late();
      }, milliseconds);
      void work.then(resolve, reject).then(() => {
        clearTimeout(timer);
      });
    });
  }
  function call(host, method, options, timeout, tell) {
    let task;
    let fail = nothing;
    const answer = new Promise((resolve, reject) => {
      fail = (cause = {}) => {
        const { statusCode = cause.status } = cause;
        const status = Number(statusCode);
        if (status > 99 && method !== "login") {
          resolve(Object.assign({ header: cause.headers }, cause, { statusCode: status }));
          return;
        }
        const text2 = cause.errMsg || cause.message || "";
        reject(cause instanceof ClientError ? cause : new NetworkError(/time.?out/i.test(text2) ? "timeout" : "network", method + " failed: " + text2, { cause }));
      };
      try {
        task = host[method](Object.assign({}, options, { timeout, success: resolve, fail, complete: nothing }));
        Promise.resolve(task).catch(nothing);
      } catch (cause) {
        fail(cause);
      }
    });
    const abort = () => {
      if (task && task.abort) task.abort();
      fail();
    };
    if (tell) SIGNALS.forEach((signal) => {
      try {
        task[signal](tell(signal));
      } catch {
      }
    });
    return { answer: limit(answer, timeout, abort), abort };
  }
  function post({ host, baseURL }, path, data, timeout) {
    return call(host, "request", { url: join(baseURL, path), method: "POST", data, header: { "content-type": "application/json" } }, timeout);
  }
  function createPlaces(most) {
    const lanes = {};
    return (kind) => new Promise((resolve) => {
      const lane = lanes[kind] || (lanes[kind] = { free: most, queue: [] });
      const enter = () => {
        lane.free--;
        void new Promise(resolve).then(() => {
          lane.free++;
          const next = lane.queue.shift();
          if (next) next();
        });
      };
      if (lane.free > 0) enter();
      else lane.queue.push(enter);
    });
  }

  // client/src/tabs.ts
  var ARRIVAL = 30;
  function locked(host, key, patience, held, work) {
    if (!host.withLock) return work();
    return limit(new Promise((granted, failed) => {
      host.withLock(key, patience, () => {
        granted();
        return held();
      }).then(nothing, failed);
    }), patience + 1e3, nothing).catch((cause) => {
      throw new NetworkError("lock", "", { cause });
    }).then(() => wait(ARRIVAL)).then(work);
  }
  function watched(host, key, changed) {
    return host.watchStorage ? host.watchStorage(key, changed) : nothing;
  }
  function isShared(host) {
    return !!host.watchStorage;
  }

  // client/src/store.ts
  var GOOD = 0;
  var ENDING = 1;
  var OVER = 2;
  function createStore(host, key, base, now, onWriteFailed) {
    let held;
    let seen;
    const read = () => {
      try {
        return host.getStorageSync(key) || "";
      } catch {
        return "";
      }
    };
    const write2 = (record) => {
      held = Object.assign({}, record, { v: 1, n: held ? held.n + 1 : 1, base });
      try {
        host.setStorageSync(key, JSON.stringify(held));
      } catch (cause) {
        try {
          host.removeStorageSync(key);
        } catch {
        }
        onWriteFailed(cause);
      }
      seen = JSON.stringify(read());
    };
    const reread = () => {
      const text2 = read();
      const before = held;
      const earlier = seen;
      seen = JSON.stringify(text2);
      if (seen === earlier) return false;
      const record = parsed(text2) || {};
      held = record.v === 1 && record.base === base ? record : void 0;
      if (!held && before) {
        if (!before.accessToken) write2(before);
        else if (isShared(host)) held = { v: 1, n: before.n, base };
      }
      return held !== before;
    };
    const get = () => {
      if (seen === void 0) reread();
      return held;
    };
    const live = () => {
      const record = get();
      return record && record.accessToken ? record : void 0;
    };
    return {
      held: get,
      live,
      reread,
      write: write2,
      token: () => (live() || { accessToken: "" }).accessToken,
      age: () => {
        const { at, expiresIn } = live() || { at: 0, expiresIn: 0 };
        const life = expiresIn * 1e3;
        const left = at + life - now();
        return left <= 0 ? OVER : left < Math.min(6e4, life / 10) ? ENDING : GOOD;
      }
    };
  }

  // client/src/session.ts
  var DOUBT = 6e4;
  function createSessions({ host, baseURL }, storageKey, now, others) {
    const listeners = /* @__PURE__ */ new Set();
    const store = createStore(host, storageKey, join(baseURL, ""), now, (cause) => {
      emit("storageFailed", new NetworkError("storage", "", { cause }));
    });
    const userId = () => {
      const { user } = store.live() || {};
      return user && user.id;
    };
    const present = () => {
      const live = store.live();
      const { v, refused, reason } = store.held() || {};
      const isBusy = others.isBusy();
      return live ? {
        state: isBusy ? "renewing" : "authenticated",
        user: live.user,
        receivedAt: live.at,
        expiresAt: live.at + live.expiresIn * 1e3,
        refreshExpiresAt: live.at + live.refreshExpiresIn * 1e3
      } : { state: isBusy ? "authenticating" : refused ? "refused" : v ? "loggedOut" : "anonymous", reason };
    };
    const emit = (type, error) => {
      const event = { type, session: present(), error };
      listeners.forEach((tell) => {
        tell(event);
      });
    };
    const changed = (before, type) => {
      const user = userId();
      if (user) others.endOthers(new AuthError("user_changed", ""), user);
      if (before && user && before !== user) emit("userChanged");
      emit(type);
    };
    const accept = (isLogin, grant, doubt = 0) => {
      const before = store.live();
      const user = userId();
      const next = Object.assign({}, !isLogin && before, grant);
      if (!isLogin && before) {
        next.doubt = Math.max(doubt, before.doubt || 0);
        if (Math.abs(now() - next.doubt) < DOUBT) next.refreshToken = before.refreshToken;
      }
      store.write(next);
      changed(user, isLogin ? "loggedIn" : "refreshed");
    };
    const setUser = (user) => {
      const live = store.live();
      if (!live) return;
      const next = Object.assign({}, live.user, user);
      if (JSON.stringify(next) === JSON.stringify(live.user)) return;
      store.write(Object.assign({}, live, { user: next }));
      emit("userUpdated");
    };
    return {
      store,
      userId,
      present,
      emit,
      listen: (listener, first) => {
        const tell = (event) => {
          void Promise.resolve(event).then(listener);
        };
        listeners.add(tell);
        if (first) tell({ type: "initial", session: present() });
        return () => {
          listeners.delete(tell);
        };
      },
      sync: () => {
        const before = store.live();
        const user = userId();
        if (!store.reread()) return;
        const after = store.live();
        if (after) {
          if (store.age() < OVER) others.settle();
          changed(user, !before || user !== userId() ? "loggedIn" : before.accessToken === after.accessToken ? "userUpdated" : "refreshed");
        } else if (before && store.held()) {
          others.endOthers(gone());
          emit("loggedOut");
        }
      },
      accept,
      end: (reason) => {
        const had = store.live();
        store.write({ reason });
        others.endOthers(gone(reason));
        if (had) emit("loggedOut");
      },
      refused: ({ code }, dead) => {
        if (store.age() < OVER && store.token() !== dead) return;
        store.write({ refused: true, reason: code });
      },
      setUser,
      learn: (user) => {
        if (user && user.id && user.id === userId()) setUser(user);
      }
    };
  }
  function gone(reason) {
    return new AuthError("logged_out", "logged out; call login()", { reason });
  }

  // client/src/flight.ts
  var CALL_LIMIT = 1e4;
  var TRIES_LIMIT = 15e3;
  var REFUSAL_PAUSE = 3e3;
  var LONGEST_REFUSAL_PAUSE = 3e5;
  var LONGEST_PAUSE = 6e4;
  function createFlights(options, paths, storageKey, now, session, revoke) {
    const { host, getCode, appId, deviceName, unwrap } = options;
    const { store } = session;
    const random = options.random || Math.random;
    let current;
    let wire;
    let isLogin = false;
    let failure;
    let refusals = 0;
    let deadToken;
    let doubt = 0;
    let device = options.deviceId;
    const within = (one, pause2) => !!one && Math.abs(now() - one.at) < (pause2 === void 0 ? one.pause : pause2);
    const deviceId = () => {
      if (device === void 0) {
        const key = storageKey + ".device";
        try {
          device = host.getStorageSync(key);
          if (!device) host.setStorageSync(key, device = (random() + "" + random()).slice(2));
        } catch {
        }
      }
      return device;
    };
    const newCode = (milliseconds) => {
      if (!getCode && !host.login) return Promise.reject(new AuthError("login_required", "call login(code)"));
      const code = getCode ? limit(Promise.resolve().then(getCode), milliseconds, nothing).catch((cause) => {
        throw cause instanceof ClientError ? cause : new AuthError("no_code", "", { cause });
      }) : call(host, "login", {}, milliseconds).answer.then((result) => result.code);
      return code.then((value) => {
        if (!value) throw new NetworkError("no_code", "");
        return value;
      });
    };
    const start = (login, dead) => {
      const explicit = !!login;
      const { code, ticket, phoneCode } = login || {};
      const brought = code || ticket;
      if (dead) deadToken = dead;
      if (current && (!explicit || current.explicit && !brought && !phoneCode)) return current.promise;
      if (store.held() && !store.live()) session.sync();
      const ended = store.live() ? void 0 : store.held();
      if (!explicit && ended && !ended.refused) return Promise.reject(gone(ended.reason));
      if (within(failure) && (failure.error.retryable || !explicit)) return Promise.reject(failure.error);
      const from = store.token();
      const mine = { explicit };
      const isOver = () => current !== mine;
      const isDone = () => {
        session.sync();
        if (isOver()) throw gone();
        return store.token() !== from && store.age() < OVER;
      };
      const accept = (grant) => {
        const wasLogin = isLogin;
        session.sync();
        if (isOver()) {
          if (wasLogin) revoke(grant.refreshToken);
          throw gone();
        }
        current = void 0;
        if (wasLogin) doubt = 0;
        session.accept(wasLogin, grant, doubt);
        return store.token();
      };
      const ask = (path, data, milliseconds) => {
        const sentAt = now();
        wire = post(options, path, data, milliseconds);
        return wire.answer.then((response) => {
          wire = void 0;
          return readTokens(unwrap ? Object.assign({}, response, { data: unwrap(parsed(response.data)) }) : response, sentAt, now());
        });
      };
      const attempt = (milliseconds) => isLogin ? (brought ? Promise.resolve(code) : newCode(milliseconds)).then((value) => {
        if (isOver()) throw gone();
        return ask(paths.login, Object.assign({ appId, deviceId: deviceId(), deviceName }, login, { code: value }), milliseconds);
      }) : ask(paths.refresh, { refreshToken: store.live().refreshToken }, milliseconds);
      const exchange = () => {
        let left = TRIES_LIMIT;
        let delay = 300;
        let hasNewCode = !brought;
        let trouble;
        const again = () => {
          const most = Math.min(CALL_LIMIT, left);
          const began = now();
          return attempt(most).catch((error) => {
            const isSpent = /code_used|invalid_.*code/.test(error.code);
            if (isSpent && !phoneCode && hasNewCode) {
              hasNewCode = false;
              return again();
            }
            if (!isLogin && error.retryable) doubt = now();
            const pause2 = Math.max(delay * (0.75 + random() / 2), error.retryAfter || 0);
            left -= Math.max(0, Math.min(most, now() - began)) + pause2;
            if (isOver() || !error.retryable || delay > 900 || left <= 0) {
              throw trouble && isSpent && (code || phoneCode) ? trouble : error;
            }
            trouble = trouble || error;
            delay *= 3;
            return wait(pause2).then(() => {
              if (isOver()) throw error;
              return again();
            });
          });
        };
        return again().then(accept);
      };
      const work = () => Promise.resolve().then(() => {
        const done = isDone();
        const live = store.live();
        isLogin = explicit || !live || !live.refreshToken;
        return done && !explicit ? store.token() : exchange().catch((error) => {
          if (isLogin || error.retryable || isOver()) throw error;
          if (isDone()) return store.token();
          if (error.reason && !/^(replaced|merged)$/.test(error.reason)) {
            session.end(error.reason);
            throw gone(error.reason);
          }
          if (store.live()) store.write(Object.assign({}, store.live(), { refreshToken: "" }));
          isLogin = true;
          return exchange();
        });
      });
      mine.promise = new Promise((resolve, reject) => {
        mine.stop = (instead) => {
          current = void 0;
          resolve(instead || Promise.reject(gone()));
        };
        Promise.resolve().then(() => explicit ? work() : locked(host, storageKey, CALL_LIMIT, () => mine.promise, work)).then((token) => {
          isWell();
          resolve(token);
        }, (error) => {
          if (!isOver()) {
            current = void 0;
            failure = { error, at: now(), pause: Math.min(error.retryAfter || 0, LONGEST_PAUSE) };
            if (isLogin && !explicit && !error.retryable) {
              failure.pause = Math.min(refusals = refusals * 2 || REFUSAL_PAUSE, LONGEST_REFUSAL_PAUSE);
              session.refused(error, deadToken);
            }
            session.emit(isLogin ? "loginFailed" : "refreshFailed", error);
          }
          reject(error);
        });
      });
      const before = current;
      current = mine;
      if (wire) wire.abort();
      if (before) {
        before.stop(mine.promise.catch((error) => {
          if (error.retryable || before.explicit) throw error;
          return start();
        }));
        current = mine;
      }
      return mine.promise;
    };
    const isWell = () => {
      failure = void 0;
      refusals = 0;
    };
    return {
      start,
      isBusy: () => !!current,
      settle: () => {
        isWell();
        if (current && !current.explicit) current.stop(store.token());
      },
      drop: (user) => {
        if (!current || user && current.explicit) return;
        current.stop();
        if (wire && !isLogin) wire.abort();
      },
      isPausing: () => within(failure, REFUSAL_PAUSE)
    };
  }

  // client/src/copy.ts
  function copied(value) {
    if (Array.isArray(value)) return value.map(copied);
    const { constructor } = Object(value);
    if (!value || typeof value !== "object" || constructor && constructor.name !== "Object") return value;
    const copy = {};
    Object.keys(value).forEach((name) => {
      copy[name] = copied(value[name]);
    });
    return copy;
  }

  // client/src/requests.ts
  var FRESH = 3e4;
  var STUBBORN = 6e4;
  function createRequests(options, paths, now, place, tasks, session, flights) {
    const { host, baseURL } = options;
    const { store } = session;
    const isAuthError = options.isAuthError || ((response) => response.statusCode === 401);
    const attach = options.attach || ((header, token) => {
      header.Authorization = "Bearer " + token;
    });
    const stubborn = /* @__PURE__ */ new Map();
    let count = 0;
    let lastIn = 0;
    let tokenIn;
    const owner = () => session.userId() || "";
    const ready = (patient) => {
      if (store.age() === OVER) return flights.start();
      const ahead = store.age() && !flights.isPausing() && flights.start().catch(nothing);
      return Promise.resolve(patient && ahead).then(() => store.age() === OVER ? ready() : void 0);
    };
    const dropFile = (response) => {
      const filePath = response.filePath || response.tempFilePath;
      delete response.filePath;
      delete response.tempFilePath;
      try {
        host.getFileSystemManager().unlink({ filePath });
      } catch {
      }
    };
    const send = (method, handed) => {
      const given = copied(handed);
      const url = join(baseURL, given.url);
      const address = bare(url);
      const isAt = (path) => address === bare(join(baseURL, path));
      const isOwn = isUnder(baseURL, url) && ![paths.login, paths.refresh, paths.logout].some(isAt);
      const withToken = given.auth === void 0 ? isOwn : given.auth;
      const isOptional = withToken === "optional";
      let repeats = method !== "uploadFile" && (given.method || "GET") === "GET" ? given.retry | 0 : 0;
      let delay = 100;
      let waits = 0;
      let refusals = 0;
      return tasks.run(withToken && !isOptional ? owner() : void 0, given.deadline || options.deadline, (one) => {
        const wants = () => !!withToken && (!isOptional || !!store.token() && refusals < 2);
        const giveUp = (error) => {
          if (!isOptional) throw error;
          refusals = 2;
        };
        const attempt = () => Promise.resolve(wants() && ready(method !== "request").catch(giveUp)).then(() => {
          if (wants()) one.owner = owner();
          return place(method);
        }).then((leave) => {
          one.stop = leave;
          const goOn = () => {
            if (tasks.isPending(one)) return;
            leave();
            throw new CancelError();
          };
          goOn();
          if (wants() && store.age() === OVER && waits++ < 2) {
            leave();
            return attempt();
          }
          const token = wants() ? store.token() : "";
          const sent = Object.assign({}, given.hostOptions, given, { url, header: Object.assign({}, given.header) });
          if (token) attach(sent.header, token);
          const go = () => {
            goOn();
            const began = ++count;
            let isRefused = false;
            const onWire = call(host, method, sent, given.timeout || options.timeout || 6e4, (signal) => (event) => {
              if (event.statusCode) isRefused = !!token && !refusals && event.statusCode === 401;
              if (!isRefused) one.tell(signal, event);
            });
            one.stop = onWire.abort;
            return onWire.answer.then(
              (response) => {
                leave();
                return check(response, token, began);
              },
              (error) => {
                leave();
                if (repeats-- < 1 || !tasks.isPending(one)) throw error;
                return wait(delay *= 3).then(attempt);
              }
            );
          };
          return options.onRequest ? Promise.resolve(options.onRequest(sent)).then(go) : go();
        });
        const check = (response, token, began) => {
          response.ok = isOk(response);
          if (method === "downloadFile" && !response.ok) dropFile(response);
          if (!token || !isAuthError(method === "uploadFile" ? Object.assign({}, response, { data: parsed(response.data) }) : response)) {
            if (token) stubborn.delete(address);
            if (token && response.ok && began > lastIn) {
              lastIn = began;
              tokenIn = token;
            }
            if (isOwn && response.ok && (isAt(paths.me) || isAt(paths.me + "/phone"))) session.learn(response.data);
            return response;
          }
          const isPresent = store.token() === token;
          const isIts = isPresent && (Math.abs(now() - stubborn.get(address)) < STUBBORN || tokenIn === token && lastIn > began && now() - store.live().at < Math.min(FRESH, store.live().expiresIn * 500));
          if (refusals++ || isIts) {
            if (!isIts) stubborn.set(address, now());
            giveUp(new AuthError("unauthorized", "", { status: response.statusCode, response }));
            return attempt();
          }
          return (isPresent ? flights.start(void 0, token) : Promise.resolve()).catch(giveUp).then(attempt);
        };
        return attempt().then((response) => Promise.resolve(options.onResponse && options.onResponse(response, given)).then((other) => other || response));
      });
    };
    return { send, ready, owner };
  }

  // client/src/tasks.ts
  function createTasks() {
    const pending = /* @__PURE__ */ new Set();
    return {
      run: (owner, deadline, work) => {
        const listeners = [];
        const one = {
          owner,
          stop: nothing,
          end: nothing,
          tell: (signal, event) => {
            listeners.forEach(([wanted, listener]) => {
              if (wanted === signal) listener(event);
            });
          }
        };
        const task = new Promise((resolve, reject) => {
          pending.add(one);
          one.end = (error) => {
            if (pending.delete(one)) {
              reject(error);
              one.stop();
            }
          };
          const done = new Promise((begin) => {
            begin(work(one));
          });
          (deadline ? limit(done, deadline, nothing) : done).then((value) => {
            if (pending.delete(one)) resolve(value);
          }, one.end);
        });
        task.abort = () => {
          one.end(new CancelError());
        };
        SIGNALS.forEach((signal) => {
          task[signal] = (listener) => {
            listeners.push([signal, listener]);
          };
        });
        return task;
      },
      isPending: (one) => pending.has(one),
      endOthers: (error, user) => {
        pending.forEach((one) => {
          if (user ? one.owner && one.owner !== user : one.owner !== void 0) one.end(error);
        });
      }
    };
  }

  // client/src/client.ts
  function createClient(options) {
    const { host } = options;
    if (typeof host.request !== "function") throw new TypeError("host.request is no function");
    const now = options.now || (() => Date.now());
    const storageKey = options.storageKey || "wugan";
    const auth = "/api/v1/auth/";
    const paths = Object.assign(
      { login: auth + "login", refresh: auth + "refresh", logout: auth + "logout", me: "/api/v1/users/me" },
      options.paths
    );
    const place = createPlaces(options.maxConcurrent || host.maxConcurrent || 9);
    const tasks = createTasks();
    const session = createSessions(options, storageKey, now, {
      isBusy: () => flights.isBusy(),
      settle: () => {
        flights.settle();
      },
      endOthers: (error, user) => {
        flights.drop(user);
        tasks.endOthers(error, user);
      }
    });
    const { store } = session;
    const revoke = (refreshToken) => !refreshToken ? Promise.resolve() : place("request").then((leave) => post(options, paths.logout, { refreshToken }, CALL_LIMIT).answer.then(leave, leave));
    const flights = createFlights(options, paths, storageKey, now, session, revoke);
    const { send, ready, owner } = createRequests(options, paths, now, place, tasks, session, flights);
    const withBody = (method) => (url, data, more) => send("request", Object.assign({ url, data, method }, more));
    const token = (first) => tasks.run(owner(), options.deadline, () => first().then(() => store.token()));
    const wake = () => {
      session.sync();
      if (store.live()) ready().catch(nothing);
    };
    if (host.onAppShow) host.onAppShow(wake);
    const unwatch = watched(host, storageKey, session.sync);
    return {
      request: (given) => send("request", given),
      get: withBody("GET"),
      post: withBody("POST"),
      put: withBody("PUT"),
      delete: withBody("DELETE"),
      uploadFile: (given) => send("uploadFile", given),
      downloadFile: (given) => send("downloadFile", given),
      login: (request) => {
        session.sync();
        const login = typeof request === "string" ? { code: request } : Object.assign({}, request);
        return tasks.run("", options.deadline, () => flights.start(login).then(session.present));
      },
      refresh: (refusedToken) => token(() => refusedToken !== void 0 && store.token() !== refusedToken ? ready() : flights.start(void 0, refusedToken)),
      logout: () => {
        session.sync();
        const live = store.live();
        session.end();
        return revoke(live && live.refreshToken).then(session.sync);
      },
      getAccessToken: () => token(ready),
      cachedToken: () => store.age() < OVER ? store.token() : "",
      getSession: session.present,
      setSession: (grant) => {
        session.sync();
        flights.settle();
        session.accept(true, Object.assign({}, grant, { at: now() }));
      },
      setUser: session.setUser,
      onAuthStateChange: (listener, { initial } = {}) => session.listen(listener, initial),
      close: () => {
        if (host.offAppShow) host.offAppShow(wake);
        unwatch();
      }
    };
  }

  // client/src/hosts/tabs.ts
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
      return started = started ?? work();
    };
    return locks.request(name, { signal: gaveUp.signal }, start).catch(start);
  }
  function watchKey(key, changed) {
    if (typeof addEventListener === "undefined") return () => void 0;
    const listener = (event) => {
      if (event.key === key || event.key === null) changed();
    };
    addEventListener("storage", listener);
    return () => {
      removeEventListener("storage", listener);
    };
  }

  // client/src/hosts/fetch.ts
  function fetchHost(options = {}) {
    const memory = /* @__PURE__ */ new Map();
    const inMemory = {
      getItem: (key) => memory.get(key) ?? null,
      setItem: (key, value) => void memory.set(key, value),
      removeItem: (key) => void memory.delete(key)
    };
    const storage = () => options.storage ?? globalThis.localStorage ?? inMemory;
    const run = (sent, read) => {
      const gaveUp = new AbortController();
      const { url, body, header } = encode(sent);
      const fetching = options.fetch ?? fetch;
      const init = { method: sent.method ?? "GET", headers: header, signal: gaveUp.signal };
      if (body !== void 0) init.body = body;
      if (options.credentials) init.credentials = options.credentials;
      fetching(url, init).then((response) => {
        const received = {};
        response.headers.forEach((value, name) => {
          received[name] = value;
        });
        return read(response, received).then((result) => Object.assign({ statusCode: response.status, header: received }, result));
      }).then(sent.success, sent.fail);
      return gaveUp;
    };
    return {
      request(sent) {
        let headers = () => void 0;
        let chunk = () => void 0;
        const gaveUp = run(sent, (response, header) => {
          if (sent.enableChunked && response.body) {
            headers({ statusCode: response.status, header });
            return pieces(response.body, (piece) => {
              chunk({ data: piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.byteLength) });
            }).then(() => ({ data: "" }));
          }
          return sent.responseType === "arraybuffer" ? response.arrayBuffer().then((data) => ({ data })) : response.text().then((text2) => ({ data: parsed(text2) }));
        });
        return {
          abort: () => {
            gaveUp.abort();
          },
          onHeadersReceived: (listener) => {
            headers = listener;
          },
          onChunkReceived: (listener) => {
            chunk = listener;
          }
        };
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
      // fetch tells nothing of an upload's progress; XMLHttpRequest does, and cannot leave cookies out.
      uploadFile(sent) {
        const form = new FormData();
        for (const [name, value] of Object.entries(sent.formData ?? {})) form.append(name, value);
        form.append(sent.name, sent.filePath);
        if (options.credentials === "omit") {
          const header = without(sent.header ?? {}, "content-type");
          const gaveUp = run({ ...sent, method: "POST", header, data: form }, (response) => response.text().then((data) => ({ data })));
          return { abort: () => {
            gaveUp.abort();
          } };
        }
        const xhr = new XMLHttpRequest();
        xhr.open("POST", sent.url);
        xhr.withCredentials = options.credentials === "include";
        for (const [name, value] of Object.entries(sent.header ?? {})) {
          if (name.toLowerCase() !== "content-type") xhr.setRequestHeader(name, value);
        }
        xhr.onload = () => {
          sent.success({ statusCode: xhr.status, data: xhr.responseText, header: headersOf(xhr) });
        };
        xhr.onerror = xhr.onabort = (event) => {
          sent.fail({ errMsg: "uploadFile:fail " + event.type });
        };
        let report = () => void 0;
        xhr.upload.onprogress = ({ loaded, total }) => {
          report({ progress: percent(loaded, total), totalBytesSent: loaded, totalBytesExpectedToSend: total });
        };
        xhr.send(form);
        return {
          abort: () => {
            xhr.abort();
          },
          onProgressUpdate: (listener) => {
            report = listener;
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
  var whenShown = /* @__PURE__ */ new WeakMap();
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
    if (data === void 0 || data === null) return { url, header: without(header, "content-type") };
    const isPlain = Object.prototype.toString.call(data) === "[object Object]";
    if (isPlain && (method === "GET" || method === "HEAD")) {
      const query = pairs(data).toString();
      return { url: query ? url + (url.includes("?") ? "&" : "?") + query : url, header };
    }
    if (!isPlain && !Array.isArray(data)) return { url, header, body: data };
    const type = Object.keys(header).find((name) => name.toLowerCase() === "content-type");
    if (type !== void 0 && /x-www-form-urlencoded/i.test(header[type] ?? "")) return { url, header, body: pairs(data) };
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
    const type = response.headers.get("content-type") ?? "";
    if (!response.body) return response.blob();
    const chunks = [];
    let got = 0;
    return pieces(response.body, (piece) => {
      chunks.push(piece);
      got += piece.length;
      report({ progress: percent(got, total), totalBytesWritten: got, totalBytesExpectedToWrite: total || 0 });
    }).then(() => new Blob(chunks, { type }));
  }
  function pieces(body, take) {
    const reader = body.getReader();
    const next = () => reader.read().then(({ done, value }) => {
      if (done) return;
      take(value);
      return next();
    });
    return next();
  }
  function percent(done, total) {
    return total > 0 ? Math.floor(done / total * 100) : 0;
  }

  // internal/playground/src/wire.ts
  var SLOW = 420;
  var STAGGER = 45;
  var AUTH = /^\/api\/v1\/auth\/(login|refresh|logout)$/;
  function createWire(changed, backstage) {
    let onTheWay = 0;
    const wire = { life: "", loseNextRefresh: false, as };
    return wire;
    function as(actor) {
      return async (input, init = {}) => {
        const path = new URL(String(input), location.href).pathname;
        const own = AUTH.exec(path);
        const kind = own ? own[1] : "request";
        const header = init.headers ?? {};
        const call2 = { actor, kind, method: init.method ?? "GET", path, id: header["X-Request-Id"] ?? "", began: performance.now() };
        const address = wire.life && (kind === "login" || kind === "refresh") ? `/playground/life/${wire.life}${path}` : path;
        if (backstage()) return fetch(address, init);
        const lose = kind === "refresh" && wire.loseNextRefresh;
        if (lose) wire.loseNextRefresh = false;
        const slow = SLOW + STAGGER * onTheWay++;
        changed(call2);
        try {
          await pause(slow * 0.4, init.signal);
          const response = await fetch(address, init);
          if (!response.ok) call2.code = await codeOf(response.clone());
          await pause(slow * 0.6, init.signal);
          if (lose) {
            call2.lost = true;
            throw new TypeError("the answer was dropped on its way");
          }
          call2.status = response.status;
          return response;
        } finally {
          onTheWay--;
          call2.ended = performance.now();
          changed(call2);
        }
      };
    }
  }
  function pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, milliseconds);
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(new DOMException("given up", "AbortError"));
      });
    });
  }
  async function codeOf(response) {
    try {
      return (await response.json()).code;
    } catch {
      return void 0;
    }
  }

  // internal/playground/src/stage.ts
  var KEY = "wugan-playground";
  var NAME_KEY = "wugan-playground-name";
  var KEPT = 6;
  var SILENCE = 600;
  function createStage(changed) {
    const name = nameOf(localStorage);
    const scenes2 = [];
    const totals = { answered: 0, refreshes: 0, logins: 0, noticed: 0 };
    let played;
    const homes = /* @__PURE__ */ new WeakMap();
    let silence;
    let lag = 0;
    let backstage = false;
    let requests = 0;
    let known;
    const wire = createWire(noteCall, () => backstage);
    const phone = createClient({
      host: fetchHost({ fetch: wire.as("phone") }),
      baseURL: "",
      storageKey: KEY,
      deviceId: "playground-phone",
      deviceName: "playground",
      getCode: () => "dev:" + name,
      now: () => Date.now() - lag
    });
    phone.onAuthStateChange(changed);
    return { phone, wire, scenes: scenes2, totals, name, current: () => scenes2[0]?.ended === void 0 ? scenes2[0] : void 0, play: play2, ask, behind, another, expire, signIn, tokens };
    function open(scene) {
      var _a;
      clearTimeout(silence);
      if (scenes2[0]) (_a = scenes2[0]).ended ?? (_a.ended = performance.now());
      const opened = { name: scene, began: performance.now(), rows: [] };
      if (scene === "steady" && scenes2[0]?.name === "steady") scenes2.shift();
      scenes2.unshift(opened);
      scenes2.length = Math.min(scenes2.length, KEPT);
      changed();
      return opened;
    }
    function close(scene, asTold) {
      scene.ended ?? (scene.ended = performance.now());
      scene.asTold = asTold;
      changed();
    }
    function noteCall(call2) {
      const scene = homes.get(call2) ?? played ?? (scenes2[0]?.ended === void 0 && scenes2[0] ? scenes2[0] : open("aside"));
      homes.set(call2, scene);
      const row = rowOf(scene, call2);
      if (!row.calls.includes(call2)) row.calls.push(call2);
      if (call2.actor === "phone" && call2.status === 200) {
        if (call2.kind === "refresh") totals.refreshes++;
        if (call2.kind === "login") totals.logins++;
      }
      if (!played && scene.ended === void 0) {
        clearTimeout(silence);
        if (scene.rows.every((one) => one.calls.every((each) => each.ended !== void 0))) {
          silence = setTimeout(() => {
            close(scene);
          }, SILENCE);
        }
      }
      changed();
    }
    async function play2(scene, run) {
      const opened = played = open(scene);
      let asTold = false;
      try {
        asTold = await run();
      } finally {
        if (played === opened) played = void 0;
        close(opened, asTold);
      }
    }
    async function ask(actor, client, method, path, { id, data } = {}) {
      const scene = played ?? open("aside");
      const url = "/api/v1" + path;
      const shared = id !== void 0;
      const row = shared ? rowOf(scene, { actor, kind: "request", method, path: url, id, began: 0 }) : { key: `${actor} playground-${String(++requests)}`, actor, kind: "request", method, path: url, calls: [] };
      if (!scene.rows.includes(row)) scene.rows.push(row);
      if (!shared) row.asked = performance.now();
      let got;
      try {
        got = (await client.request({ url, method, data, header: { "X-Request-Id": row.key.split(" ")[1] ?? "" } })).statusCode;
      } catch (error) {
        got = error.code;
      }
      if (!shared) row.got = got;
      if (actor === "phone") {
        if (typeof got === "string") totals.noticed++;
        else totals.answered++;
      }
      changed();
      return row;
    }
    function another(actor, options) {
      const memory = /* @__PURE__ */ new Map();
      const storage = {
        getItem: (key) => memory.get(key) ?? null,
        setItem: (key, value) => void memory.set(key, value),
        removeItem: (key) => void memory.delete(key)
      };
      return createClient({
        host: fetchHost({ fetch: wire.as(actor), storage }),
        baseURL: "",
        storageKey: `${KEY}-${actor}`,
        deviceId: `playground-${actor}`,
        deviceName: `playground ${actor}`,
        ...options
      });
    }
    async function behind(work) {
      backstage = true;
      try {
        return await work();
      } finally {
        backstage = false;
      }
    }
    async function expire() {
      await signIn();
      await behind(async () => {
        const life = wire.life;
        wire.life = "1s";
        try {
          await phone.refresh();
        } finally {
          wire.life = life;
        }
        const session = phone.getSession();
        await sleep((session.expiresAt ?? 0) - (Date.now() - lag) + 60);
      });
      lag += 2e3;
      const scene = played;
      if (scene) scene.began = performance.now();
      changed();
    }
    async function signIn() {
      const { state } = phone.getSession();
      if (state === "loggedOut" || state === "anonymous") await behind(() => phone.login());
    }
    function tokens() {
      const stored = readJSON(localStorage.getItem(KEY));
      if (!stored?.accessToken) return void 0;
      if (known?.accessToken !== stored.accessToken) {
        known = { ...stored, at: known || lag ? Date.now() : stored.at };
      }
      return known;
    }
  }
  function sleep(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
  function nameOf(storage) {
    const name = storage.getItem(NAME_KEY) ?? "guest-" + Math.random().toString(36).slice(2, 6);
    storage.setItem(NAME_KEY, name);
    return name;
  }
  function readJSON(text2) {
    try {
      return JSON.parse(text2 ?? "") ?? void 0;
    } catch {
      return void 0;
    }
  }

  // internal/playground/src/plays.ts
  var me = "/users/me";
  var plays = {
    opened: async (stage2) => {
      await stage2.ask("phone", stage2.phone, "GET", me);
      return factsOf(stage2.current()).logins === 1 || void 0;
    },
    one: async (stage2) => {
      await stage2.signIn();
      return (await stage2.ask("phone", stage2.phone, "GET", me)).got === 200;
    },
    five: async (stage2) => {
      await stage2.expire();
      const paths = [me, "/sessions", "/auth/verify", me, "/sessions"];
      await Promise.all(paths.map((path) => stage2.ask("phone", stage2.phone, "GET", path)));
      const { refused, refreshes, logins, answers } = factsOf(stage2.current());
      return refused === 5 && refreshes === 1 && logins === 0 && answers === 5;
    },
    lost: async (stage2) => {
      await stage2.expire();
      stage2.wire.loseNextRefresh = true;
      await stage2.ask("phone", stage2.phone, "GET", me);
      const { lost, refreshes, logins, answers } = factsOf(stage2.current());
      return lost === 1 && refreshes === 1 && logins === 0 && answers === 1;
    },
    stolen: async (stage2) => {
      await stage2.behind(() => stage2.phone.login());
      await stage2.ask("phone", stage2.phone, "GET", me);
      const copy = stage2.tokens()?.refreshToken;
      await stage2.phone.refresh();
      await stage2.phone.refresh();
      await stage2.wire.as("thief")("/api/v1/auth/refresh", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ refreshToken: copy })
      });
      await stage2.ask("phone", stage2.phone, "GET", me);
      const scene = stage2.current();
      const thief = scene.rows.find((row) => row.actor === "thief");
      const { answers, logins } = factsOf(scene, "phone");
      return thief?.calls[0]?.code === "refresh_reused" && answers === 2 && logins === 1;
    },
    wechat: async (stage2) => {
      await stage2.expire();
      const visitor = stage2.another("visitor", { getCode: () => "dev:newcomer" });
      const scene = stage2.current();
      await switchWeChat(true);
      const outage = { actor: "wechat", kind: "outage", method: "", path: "", id: "", began: performance.now() };
      rowOf(scene, outage).calls.push(outage);
      try {
        const mine = stage2.ask("phone", stage2.phone, "GET", me);
        const theirs = stage2.ask("visitor", visitor, "GET", me);
        await mine;
        for (let tries = 0; factsOf(scene).unavailable === 0 && tries < 100; tries++) await sleep(50);
        await switchWeChat(false);
        outage.ended = performance.now();
        await theirs;
      } finally {
        await switchWeChat(false);
        outage.ended ?? (outage.ended = performance.now());
        visitor.close();
      }
      const phone = factsOf(scene, "phone");
      const other = factsOf(scene, "visitor");
      return phone.answers === 1 && phone.refreshes === 1 && phone.logins === 0 && other.unavailable > 0 && other.answers === 1;
    },
    everywhere: async (stage2) => {
      await stage2.signIn();
      const tablet = stage2.another("tablet", {});
      try {
        await tablet.login("dev:" + stage2.name);
        await stage2.ask("tablet", tablet, "GET", me);
        const ended = await stage2.ask("phone", stage2.phone, "POST", "/auth/logout-all");
        await stage2.phone.logout();
        const refused = await stage2.ask("tablet", tablet, "GET", me);
        return ended.got === 204 && refused.got === "logged_out" && stage2.phone.getSession().state === "loggedOut";
      } finally {
        tablet.close();
      }
    },
    ends: async (stage2) => {
      const { phone, name } = stage2;
      await stage2.signIn();
      await stage2.ask("phone", phone, "GET", me);
      if (!phone.getSession().user?.phone) await stage2.ask("phone", phone, "POST", me + "/phone", { data: { code: "dev:" + name } });
      const alipay = stage2.another("alipay", { appId: "alipay", getCode: () => "dev:" + name });
      try {
        await stage2.ask("alipay", alipay, "GET", me);
        const stranger = alipay.getSession().user?.id;
        await alipay.login({ phoneCode: await phoneButton("alipay", name) });
        await stage2.ask("alipay", alipay, "GET", me);
        await stage2.ask("phone", phone, "GET", "/users/me/identities");
        const one = phone.getSession().user?.id;
        const { answers, rejected } = factsOf(stage2.current());
        return rejected === 0 && answers >= 4 && one !== void 0 && stranger !== one && alipay.getSession().user?.id === one;
      } finally {
        alipay.close();
        await stage2.behind(() => phone.request({ url: "/api/v1/users/me/identities/alipay", method: "DELETE" }));
      }
    },
    login: async (stage2) => {
      await stage2.phone.login();
      return stage2.phone.getSession().state === "authenticated";
    },
    logout: async (stage2) => {
      await stage2.phone.logout();
      return stage2.phone.getSession().state === "loggedOut";
    },
    switched: async (stage2) => {
      const before = stage2.tokens()?.accessToken;
      await stage2.phone.refresh();
      return stage2.tokens()?.accessToken !== before;
    }
  };
  async function phoneButton(appId, user) {
    const response = await fetch("/dev/phone-code", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ appId, user })
    });
    if (!response.ok) throw new Error(`the phone button failed: HTTP ${String(response.status)}`);
    return (await response.json()).code;
  }
  async function switchWeChat(down) {
    const response = await fetch("/playground/wechat", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ down })
    });
    if (!response.ok) throw new Error(`WeChat could not be switched: HTTP ${String(response.status)}`);
  }

  // internal/playground/src/text.ts
  var en = {
    title: "wugan playground",
    tagline: "Logged in without noticing. Break something, and watch the client repair it.",
    skip: "Skip to the timeline",
    language: "中文",
    phone: "This phone",
    noticed: "Noticed by the user",
    noticedNothing: "nothing",
    answered: "Responses",
    renewals: "Refreshes",
    silentLogins: "Silent logins",
    access: "Access token",
    accessNote: "in every request",
    refresh: "Refresh token",
    refreshNote: "used once",
    none: "none",
    over: "expired",
    ending: "ends with",
    days: "d",
    hours: "h",
    minutes: "min",
    seconds: "s",
    short: "30-second tokens",
    shortNote: "from the next one on",
    steady: "A request every 2 seconds",
    steadyNote: "stay logged in, and look",
    login: "Log in",
    logout: "Log out",
    try: "Try it",
    timeline: "What happens",
    empty: "Nothing yet. Press a button.",
    running: "under way",
    slow: "Each call is slowed down to half a second, so that it can be seen. A token is made to expire by refreshing it into one that lives one second.",
    expiring: "Waiting until the access token has expired …",
    notHere: "This page needs JavaScript.",
    forDevelopment: "wugan dev, not for production: whoever reaches this address can log in as anybody.",
    contract: "HTTP contract",
    legend: "Colours",
    legendOk: "answered",
    legendRefused: "401",
    legendRefresh: "refresh",
    legendLogin: "login",
    legendWait: "waits",
    legendLost: "response lost",
    legendDown: "503",
    waits: "waits",
    lostPill: "lost",
    otherwise: "It went otherwise than this page expected. The calls above are what happened.",
    broke: "It could not be played to its end",
    "actor.phone": "phone",
    "actor.tablet": "tablet",
    "actor.thief": "thief",
    "actor.visitor": "visitor",
    "actor.alipay": "Alipay",
    "actor.wechat": "WeChat",
    "kind.refresh": "refresh",
    "kind.login": "login",
    "kind.logout": "logout",
    "kind.request": "request",
    "kind.outage": "down",
    "state.anonymous": "nobody yet",
    "state.authenticating": "logging in",
    "state.authenticated": "logged in",
    "state.renewing": "renewing",
    "state.loggedOut": "logged out",
    "state.refused": "not let in"
  };
  var zh = {
    title: "wugan 无感 · 演练场",
    tagline: "登录无感。随手弄坏点什么，看客户端怎样悄悄补好。",
    skip: "跳到时间线",
    language: "English",
    phone: "这台手机",
    noticed: "用户察觉到的",
    noticedNothing: "毫无察觉",
    answered: "响应",
    renewals: "刷新",
    silentLogins: "静默登录",
    access: "访问令牌",
    accessNote: "随每个请求发送",
    refresh: "刷新令牌",
    refreshNote: "用一次就换新",
    none: "无",
    over: "已过期",
    ending: "结尾是",
    days: "天",
    hours: "小时",
    minutes: "分",
    seconds: "秒",
    short: "30 秒令牌",
    shortNote: "从下一个开始",
    steady: "每 2 秒请求一次",
    steadyNote: "一直保持登录，看它刷新",
    login: "登录",
    logout: "退出登录",
    try: "试一试",
    timeline: "发生了什么",
    empty: "还没有动静，按一个按钮吧。",
    running: "进行中",
    slow: "每次调用都放慢到半秒，方便看清。要让令牌过期，就先刷新成一个有效期只有一秒的。",
    expiring: "等访问令牌过期……",
    notHere: "本页需要 JavaScript。",
    forDevelopment: "wugan dev 不可用于生产：能访问这个地址的人可以用任何身份登录。",
    contract: "HTTP 接口文档",
    legend: "图例",
    legendOk: "已响应",
    legendRefused: "401",
    legendRefresh: "刷新",
    legendLogin: "登录",
    legendWait: "等待",
    legendLost: "响应丢失",
    legendDown: "503",
    waits: "等待",
    lostPill: "丢失",
    otherwise: "结果和本页预想的不一样，实际发生的就是上面这些调用。",
    broke: "没能演到最后",
    "actor.phone": "手机",
    "actor.tablet": "平板",
    "actor.thief": "盗用者",
    "actor.visitor": "新访客",
    "actor.alipay": "支付宝",
    "actor.wechat": "微信",
    "kind.refresh": "刷新",
    "kind.login": "登录",
    "kind.logout": "退出登录",
    "kind.request": "请求",
    "kind.outage": "故障",
    "state.anonymous": "尚未登录",
    "state.authenticating": "登录中",
    "state.authenticated": "已登录",
    "state.renewing": "刷新中",
    "state.loggedOut": "已退出登录",
    "state.refused": "登录被拒绝"
  };
  var scenes = {
    en: {
      opened: {
        title: "The page opened",
        lead: "One request, whatever is stored from last time.",
        told: "Answered. Nobody had to call login first: a request without tokens logs in by itself, then goes out."
      },
      one: { title: "One request", lead: "Who am I?", told: "Answered." },
      five: {
        title: "Five requests at once",
        lead: "The access token has expired, and the phone’s clock is slow: only a 401 can tell it.",
        told: "The first 401 started one refresh, all others waited for it, and each request went out again. The caller saw five responses."
      },
      lost: {
        title: "A lost response",
        lead: "The refresh reaches the server. Its response never reaches the phone.",
        told: "The phone asked again with the same refresh token. The server recognised the rotation and repeated its response: a dead spot logs nobody out."
      },
      stolen: {
        title: "A stolen refresh token",
        lead: "Somebody copied the refresh token, and uses it after the phone has gone on.",
        told: "The copy gave itself away, so the server ended the session for both. The thief holds nothing; the phone logged in again by itself."
      },
      wechat: {
        title: "WeChat down",
        lead: "WeChat refuses all connections. A token expires, and a new visitor comes along.",
        told: "Users who were logged in noticed nothing, for a refresh needs no WeChat. The visitor was told 503, tried again after Retry-After, and got in once WeChat was back."
      },
      everywhere: {
        title: "Log out everywhere",
        lead: "The same user is logged in on a tablet. The phone ends every session.",
        told: "The tablet’s next request was refused at once, and so was its refresh: there, somebody has to log in. This phone stays logged out, until you log in."
      },
      ends: {
        title: "A second end",
        lead: "The same person opens Alipay’s mini program and shares the phone number.",
        told: "At first Alipay’s visitor was a user of their own. The verified number joined the two: both ends now have one user with two identities."
      },
      login: { title: "Log in", lead: "The only way out of “logged out”.", told: "Logged in, with a new session." },
      logout: {
        title: "Log out",
        lead: "The tokens are forgotten here first, then the session ends on the server.",
        told: "Logged out, and it stays so: no request logs in silently now."
      },
      switched: { title: "A new token", lead: "A refresh, so that the next token has the life you chose.", told: "The new access token has it." },
      steady: {
        title: "A request every 2 seconds",
        lead: "With 30-second tokens, one in fifteen or so finds the token near its end.",
        told: "The client refreshed the tokens along the way, and every request was answered."
      },
      aside: { title: "By itself", lead: "The page came back into view, so the client looked after its tokens.", told: "Done." }
    },
    zh: {
      opened: {
        title: "打开页面",
        lead: "只发一个请求，不管上次留下了什么。",
        told: "已响应。不需要先调用登录：没有令牌的请求会自己登录，然后再发出去。"
      },
      one: { title: "发一个请求", lead: "我是谁？", told: "已响应。" },
      five: {
        title: "五个请求同时发出",
        lead: "访问令牌已经过期，而手机的时钟慢了：只有 401 能让它知道。",
        told: "第一个 401 触发了一次刷新，其余请求都等它完成，然后各自重发。调用方看到的是五个响应。"
      },
      lost: {
        title: "响应丢失",
        lead: "刷新请求到了服务端，响应却没能回到手机。",
        told: "手机用同一个刷新令牌又请求了一次，服务端认出这次轮换，给出同样的响应：信号不好不会让登录态失效。"
      },
      stolen: {
        title: "被盗的刷新令牌",
        lead: "有人复制了刷新令牌，在手机继续使用之后拿出来用。",
        told: "副本暴露了自己，服务端对双方结束了会话。盗用者什么也没得到，手机自己重新登录了。"
      },
      wechat: {
        title: "微信故障",
        lead: "微信拒绝一切连接。一个令牌过期了，又来了一位新访客。",
        told: "已登录的用户毫无察觉：刷新不需要微信。新访客收到 503，按 Retry-After 等待后重试，微信一恢复就进来了。"
      },
      everywhere: {
        title: "全部退出",
        lead: "同一个用户也登录在一台平板上。手机结束所有会话。",
        told: "平板的下一个请求立刻被拒绝，刷新也一样：那边要有人主动登录。这台手机会保持退出，直到你登录。"
      },
      ends: {
        title: "换一个端",
        lead: "同一个人打开支付宝小程序，并在那里授权手机号。",
        told: "起初支付宝那边是另一个用户。同一个已验证的手机号把两者合为一人：两端现在是同一个用户，有两个身份。"
      },
      login: { title: "登录", lead: "离开“已退出登录”的唯一办法。", told: "已登录，是一个新会话。" },
      logout: {
        title: "退出登录",
        lead: "先清除本机的令牌，再结束服务端的会话。",
        told: "已退出登录，并且保持退出：现在没有请求会静默登录。"
      },
      switched: { title: "换一个令牌", lead: "刷新一次，让下一个令牌用上你选的有效期。", told: "新的访问令牌就是这个有效期。" },
      steady: {
        title: "每 2 秒请求一次",
        lead: "用 30 秒令牌时，大约每十五个请求里有一个会碰上令牌即将过期。",
        told: "客户端顺便刷新了令牌，每个请求都得到了响应。"
      },
      aside: { title: "自动检查", lead: "页面回到前台，客户端检查了一下令牌。", told: "完成。" }
    }
  };
  var counts = {
    en: {
      requests: (n) => `${n} ${n === 1 ? "request" : "requests"}`,
      refused: (n) => `${n} × 401`,
      unavailable: (n) => `${n} × 503`,
      lost: (n) => `${n} ${n === 1 ? "response" : "responses"} lost`,
      refreshes: (n) => `${n} ${n === 1 ? "refresh" : "refreshes"}`,
      logins: (n) => `${n} ${n === 1 ? "login" : "logins"}`,
      answers: (n) => `${n} ${n === 1 ? "response" : "responses"}`,
      rejected: (n) => `${n} rejected`
    },
    zh: {
      requests: (n) => `${n} 个请求`,
      refused: (n) => `${n} × 401`,
      unavailable: (n) => `${n} × 503`,
      lost: (n) => `丢失 ${n} 个响应`,
      refreshes: (n) => `${n} 次刷新`,
      logins: (n) => `${n} 次登录`,
      answers: (n) => `${n} 个响应`,
      rejected: (n) => `${n} 个被拒`
    }
  };
  function textIn(language) {
    const words = language === "zh" ? zh : en;
    return {
      language,
      say: (key) => words[key],
      scene: (name) => scenes[language][name],
      count: (what, n) => counts[language][what](n)
    };
  }
  function preferred(languages) {
    return /^zh\b/i.test(languages[0] ?? "") ? "zh" : "en";
  }

  // internal/playground/src/timeline.ts
  var LEAST = 1500;
  var STRIP = 4e4;
  function createTimeline(list, scenes2, words) {
    let text2 = words;
    let drawn = [];
    return {
      draw,
      translate(other) {
        text2 = other;
        drawn = [];
        list.replaceChildren();
        draw();
      }
    };
    function draw() {
      drawn = drawn.filter((one) => {
        if (scenes2.includes(one.scene)) return true;
        one.article.remove();
        return false;
      });
      for (const scene of [...scenes2].reverse()) {
        let one = drawn.find((each) => each.scene === scene);
        if (!one) {
          drawn.push(one = begin(scene));
          list.prepend(one.article);
        }
        update(one);
      }
      list.dataset["empty"] = String(scenes2.length === 0);
    }
    function begin(scene) {
      const { title, lead } = text2.scene(scene.name);
      const badge = make("span", "badge");
      const axis = make("div", "axis");
      axis.setAttribute("aria-hidden", "true");
      const rows = make("ol", "rows");
      const facts = make("p", "facts");
      const told = make("p", "told");
      const article = make(
        "article",
        "scene",
        make("header", "", make("h3", "", title), badge, make("p", "lead", lead)),
        axis,
        rows,
        facts,
        told
      );
      article.dataset["scene"] = scene.name;
      return { scene, article, badge, axis, list: rows, facts, told, rows: /* @__PURE__ */ new Map(), step: 0 };
    }
    function update(one) {
      const { scene } = one;
      const elapsed = (scene.ended ?? performance.now()) - scene.began;
      const span = scene.name === "steady" ? STRIP : Math.max(LEAST, scene.ended === void 0 ? elapsed * 1.12 : elapsed * 1.02);
      const isWaiting = scene.ended === void 0 && scene.rows.length === 0;
      one.article.dataset["state"] = scene.ended === void 0 ? "running" : scene.asTold === false ? "otherwise" : "done";
      one.article.hidden = scene.ended !== void 0 && scene.rows.length === 0;
      write(one.badge, scene.ended === void 0 ? text2.say("running") : "");
      drawAxis(one, span);
      for (const row of scene.rows) {
        let line = one.rows.get(row);
        if (!line) {
          line = beginRow(row);
          one.rows.set(row, line);
          one.list.append(line.track.parentElement);
        }
        updateRow(line, scene, span);
      }
      write(one.facts, isWaiting ? text2.say("expiring") : scene.ended === void 0 ? "" : factsText(scene, text2));
      write(one.told, toldText(scene, text2));
    }
    function drawAxis(one, span) {
      const step = [250, 500, 1e3, 2e3, 5e3, 1e4].find((each) => span / each <= 5) ?? 3e4;
      if (one.step !== step) {
        one.step = step;
        one.axis.replaceChildren();
      }
      const ticks = Math.floor(span * 0.96 / step);
      while (one.axis.childElementCount <= ticks) {
        one.axis.append(make("span", "", `${String(one.axis.childElementCount * step / 1e3)} s`));
      }
      Array.from(one.axis.children).forEach((tick2, index) => {
        ;
        tick2.style.left = percent2(index * step / span);
        tick2.hidden = index > ticks;
      });
      one.article.style.setProperty("--tick", percent2(step / span));
    }
    function beginRow(row) {
      const name = row.kind === "request" ? `${row.method} ${row.path.replace("/api/v1", "")}` : text2.say(`kind.${row.kind}`);
      const label = make("span", "label", make("b", row.actor, text2.say(`actor.${row.actor}`)), make("span", row.kind, row.kind === "outage" ? "" : name));
      const track = make("span", "track");
      track.setAttribute("aria-hidden", "true");
      const outcome = make("span", "outcome");
      make("li", "row " + row.kind, label, track, outcome);
      return { row, track, pills: /* @__PURE__ */ new Map(), waits: [], outcome };
    }
    function updateRow(line, scene, span) {
      const { row, track } = line;
      const at = (time) => Math.max(0, (time - scene.began) / span);
      let waits = 0;
      const drawWait = (from, to) => {
        var _a, _b;
        const wait2 = (_a = line.waits)[_b = waits++] ?? (_a[_b] = track.appendChild(make("span", "wait")));
        wait2.style.left = percent2(at(from));
        wait2.style.width = percent2(at(to) - at(from));
      };
      const first = row.calls[0]?.began ?? performance.now();
      if (row.asked !== void 0 && first - row.asked > 40) drawWait(row.asked, first);
      row.calls.forEach((call2, index) => {
        let pill = line.pills.get(call2);
        if (!pill) {
          pill = make("span", "pill");
          line.pills.set(call2, pill);
          track.append(pill);
        }
        pill.className = "pill " + look(call2);
        write(pill, scene.name === "steady" ? "" : short(call2, text2));
        pill.style.left = percent2(at(call2.began));
        pill.style.width = percent2(at(call2.ended ?? performance.now()) - at(call2.began));
        const next = row.calls[index + 1];
        const isLast = !next && row.got === void 0 && scene.ended === void 0 && row.kind === "request" && call2.status === 401;
        if (scene.name === "steady" || call2.ended === void 0 || !next && !isLast) return;
        if (row.kind === "refresh" && !call2.lost) return;
        drawWait(call2.ended, next ? next.began : performance.now());
      });
      line.waits.splice(waits).forEach((wait2) => {
        wait2.remove();
      });
      drawOutcome(line, scene);
    }
    function drawOutcome({ row, outcome }, scene) {
      const parts = row.calls.filter((call2) => call2.ended !== void 0 && call2.kind !== "outage").map((call2) => ({ kind: look(call2), text: short(call2, text2), code: call2.code ?? "" }));
      if (typeof row.got === "string") parts.push({ kind: "refused", text: "✕", code: row.got });
      if (scene.name === "steady" || parts.length > 5) {
        const last2 = parts[parts.length - 1];
        write(outcome, last2 ? `${String(parts.length)} × ${last2.text}` : "");
        return;
      }
      const signature = JSON.stringify(parts);
      if (outcome.dataset["shown"] === signature) return;
      outcome.dataset["shown"] = signature;
      outcome.replaceChildren(
        ...parts.flatMap((part, index) => {
          const chip = make("span", part.kind, part.text, ...part.code ? [make("i", "", " " + part.code)] : []);
          return index ? [make("span", "then", " → "), chip] : [chip];
        })
      );
    }
  }
  function factsText(scene, text2) {
    const facts = factsOf(scene);
    const parts = ["requests", "refused", "unavailable", "lost", "refreshes", "logins", "answers", "rejected"].filter((what) => facts[what] > 0).map((what) => text2.count(what, facts[what]));
    return [...parts, `${(facts.milliseconds / 1e3).toFixed(1)} s`].join(" · ");
  }
  function toldText(scene, text2) {
    if (scene.ended === void 0 || scene.asTold === void 0) return "";
    return scene.asTold ? text2.scene(scene.name).told : text2.say("otherwise");
  }
  function look(call2) {
    if (call2.kind === "outage") return "outage";
    if (call2.lost) return "lost";
    if (call2.ended === void 0) return "sent " + call2.kind;
    if (call2.status === void 0 || call2.status >= 500) return "down";
    if (call2.status >= 400) return "refused";
    return call2.kind === "request" ? "ok" : call2.kind;
  }
  function short(call2, text2) {
    if (call2.kind === "outage") return text2.say("kind.outage");
    return call2.lost ? text2.say("lostPill") : call2.ended === void 0 ? "" : call2.status === void 0 ? "✕" : String(call2.status);
  }
  function percent2(share) {
    return (share * 100).toFixed(2) + "%";
  }

  // internal/playground/src/main.ts
  var LANGUAGE_KEY = "wugan-playground-language";
  var STEADY = 2e3;
  var narrow = matchMedia("(max-width: 38rem)");
  var calm = matchMedia("(prefers-reduced-motion: reduce)");
  var text = textIn(localStorage.getItem(LANGUAGE_KEY) ?? preferred(navigator.languages));
  var busy = false;
  var steady = false;
  var strip;
  var due = true;
  var stage = createStage(() => {
    due = true;
  });
  var timeline = createTimeline(byId("scenes"), stage.scenes, text);
  function translate(language) {
    text = textIn(language);
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.title = text.say("title");
    document.querySelectorAll("[data-say]").forEach((element) => {
      write(element, text.say(element.dataset["say"]));
    });
    document.querySelectorAll("button[data-play]").forEach((button) => {
      const { title, lead } = text.scene(button.dataset["play"]);
      write(button.querySelector(".title"), title);
      const note = button.querySelector(".note");
      if (note) write(note, lead);
    });
    byId("language").lang = language === "zh" ? "en" : "zh-CN";
    byId("said").replaceChildren();
    timeline.translate(text);
    due = true;
  }
  function announce(...sentences) {
    byId("said").append(Object.assign(document.createElement("p"), { textContent: sentences.filter(Boolean).join(" ") }));
    while (byId("said").childElementCount > 20) byId("said").firstElementChild?.remove();
  }
  function setBusy(now) {
    busy = now;
    document.body.dataset["busy"] = String(now);
    document.querySelectorAll("button[data-play], #log-in-or-out").forEach((button) => {
      button.setAttribute("aria-disabled", String(now));
    });
  }
  async function play(name) {
    if (busy) return;
    setBusy(true);
    const { title } = text.scene(name);
    announce(title + ".", text.say("running") + ".");
    try {
      await strip;
      const playing = stage.play(name, () => plays[name](stage));
      due = true;
      timeline.draw();
      if (name !== "opened") {
        byId("scenes").firstElementChild?.scrollIntoView({ block: narrow.matches ? "start" : "nearest", behavior: calm.matches ? "auto" : "smooth" });
      }
      await playing;
    } catch (error) {
      announce(text.say("broke") + ":", error instanceof Error ? error.message : "");
    }
    const scene = stage.scenes.find((one) => one.name === name);
    if (scene) announce(title + ":", factsText(scene, text) + ".", toldText(scene, text));
    due = true;
    setBusy(false);
  }
  async function keepAsking() {
    while (steady) {
      if (busy || document.hidden || stage.phone.getSession().state === "loggedOut") {
        await sleep(200);
        continue;
      }
      strip = stage.play("steady", async () => {
        const until = performance.now() + STRIP - STEADY;
        while (steady && !busy && !document.hidden && performance.now() < until) {
          const next = performance.now() + STEADY;
          await stage.ask("phone", stage.phone, "GET", "/users/me", { id: "steady" });
          while (steady && !busy && performance.now() < next) await sleep(50);
        }
        const { requests, answers, refreshes } = factsOf(stage.current());
        return refreshes > 0 ? answers === requests : void 0;
      });
      await strip;
    }
  }
  document.querySelectorAll("button[data-play]").forEach((button) => {
    button.addEventListener("click", () => void play(button.dataset["play"]));
  });
  byId("log-in-or-out").addEventListener("click", () => {
    const { state } = stage.phone.getSession();
    void play(state === "loggedOut" || state === "anonymous" ? "login" : "logout");
  });
  byId("language").addEventListener("click", () => {
    const other = text.language === "zh" ? "en" : "zh";
    localStorage.setItem(LANGUAGE_KEY, other);
    translate(other);
  });
  byId("short").addEventListener("change", (event) => {
    stage.wire.life = event.target.checked ? "30s" : "";
    if (stage.tokens()) void play("switched");
  });
  byId("steady").addEventListener("change", (event) => {
    const was = steady;
    steady = event.target.checked;
    if (steady && !was) void keepAsking();
  });
  var last = 0;
  function tick(now) {
    const isMoving = stage.current() !== void 0;
    if (due || now - last > (isMoving ? calm.matches ? 500 : 0 : 250)) {
      last = now;
      due = false;
      timeline.draw();
      drawPhone(stage, text);
    }
    requestAnimationFrame(tick);
  }
  translate(text.language);
  requestAnimationFrame(tick);
  document.body.dataset["ready"] = "true";
  if (stage.phone.getSession().state !== "loggedOut") void play("opened");
})();
