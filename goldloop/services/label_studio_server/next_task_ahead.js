// No waiting for the next task: while a task is on the page, the one that follows and its picture are loaded. When
// the answer is sent, the page shows that picture at once and gets that task without asking; the server is told
// meanwhile. Keys pressed before the task is on the page are left out, so that none counts for the task before.
(() => {
  if (window.goldloopAhead) return; // pages are exchanged without loading the window anew
  window.goldloopAhead = true;

  const LOOK_MS = 150; // after a task is given: its own picture comes first
  const MOST_MS = 5000; // for which a picture is shown before its task
  const ask = window.fetch.bind(window);
  let ahead; // what was asked for ahead of the page: the request, the reply's text, its task, its picture
  let turning; // the picture that is shown before its task
  let coming; // the id of that task
  let answering; // the id of the task whose answer is on the way, or was
  let sent; // the id of the task whose answer the server took last; the page may also come from one further back
  let place; // where the page shows pictures; Label Studio takes one away before it sends the answer

  const addressOf = (input) => new URL(input instanceof Request ? input.url : String(input), location.href);
  const methodOf = (input, init) => (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
  const isNextTask = (url) => url.pathname === "/api/dm/actions" && url.searchParams.get("id") === "next_task";
  const answered = (url) => url.pathname.match(/^\/api\/tasks\/(\d+)\/annotations\/?$/)?.[1];
  const requestOf = (url, init) => JSON.stringify([url.search, init?.body ?? ""]);

  const shownTask = () => document.querySelector(".lsf-current-task__task-id")?.innerText.match(/\d+/)?.[0];
  const shownPicture = () => document.querySelector(".gl-picture .lsf-image img");

  const load = async (task) => {
    const address = task.data?.image;
    if (!address) return undefined;
    const picture = new Image();
    picture.src = address;
    await picture.decode();
    return picture;
  };

  const lookAhead = (url, init, shown) => {
    const following = new URL(url);
    following.searchParams.set("goldloop_ahead_of", shown);
    const found = { request: requestOf(url, init), after: shown };
    found.text = new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      .then(() => ask(following, init))
      .then((reply) => (reply.ok ? reply.text() : undefined));
    found.text
      .then(async (text) => {
        if (text === undefined) return;
        found.task = JSON.parse(text);
        found.picture = await load(found.task);
      })
      .catch(() => {}); // the page asks for the task itself, and shows what is wrong
    ahead = found;
  };

  const isThere = () => {
    const picture = shownPicture();
    return shownTask() === coming && picture?.complete && picture.naturalWidth;
  };

  const end = () => {
    turning?.remove();
    turning = undefined;
    document.documentElement.classList.remove("goldloop-turning");
  };

  const showAhead = (id) => {
    if (turning || !place || ahead?.after !== id || !ahead.picture) return;
    const { left, top, width, height } = place;
    const [since, shown] = [performance.now(), ahead.picture];
    [turning, coming] = [shown, String(ahead.task.id)];
    shown.className = "goldloop-ahead";
    Object.assign(shown.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    document.body.append(shown);
    document.documentElement.classList.add("goldloop-turning");
    const look = () => {
      if (turning !== shown) return;
      if (isThere() || performance.now() - since > MOST_MS) end();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  };

  const nextTask = async (url, init) => {
    const found = ahead?.request === requestOf(url, init) && ahead.after === sent ? ahead : undefined;
    ahead = undefined;
    const text = await found?.text.catch(() => undefined);
    if (text === undefined) {
      const reply = await ask(url, init);
      if (reply.ok) reply.clone().json().then((task) => lookAhead(url, init, String(task.id)), end);
      else end();
      return reply;
    }
    const id = String(JSON.parse(text).id);
    ask(url, init)
      .then(async (reply) => {
        const task = reply.ok ? await reply.json() : undefined;
        if (answering === id || !task) return; // told too late: the page asks for the one that follows itself
        if (String(task.id) === id) lookAhead(url, init, id);
        else location.reload(); // what the page shows is not what the server gave
      })
      .catch(() => {});
    return new Response(text, { status: 200, headers: { "Content-Type": "application/json" } });
  };

  window.fetch = async (input, init) => {
    const [url, method] = [addressOf(input), methodOf(input, init)];
    if (method !== "POST" || url.origin !== location.origin) return ask(input, init);
    if (isNextTask(url) && !(input instanceof Request)) return nextTask(url, init);
    const task = answered(url);
    if (task) {
      answering = task;
      showAhead(task);
    }
    try {
      const reply = await ask(input, init);
      if (task && reply.ok) sent = task;
      else if (task) end();
      return reply;
    } catch (failure) {
      end();
      throw failure;
    }
  };

  const remember = () => {
    place = document.querySelector(".gl-picture .lsf-image")?.getBoundingClientRect() ?? place;
  };
  window.addEventListener("pointerdown", remember, true);
  window.addEventListener(
    "keydown",
    (event) => {
      if (turning && isThere()) end();
      if (!turning) remember();
      if (!turning || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
})();
