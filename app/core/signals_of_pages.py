"""Signs of what runs in the browser, and of the tools that built it."""

from app.core.matchers import Signal, address, body, header, markup, script

_VITE_ASSET = r"/assets/[\w.~]+-[\w-]{8}\.(?:js|css)(?:$|\?)"

FRONTENDS: tuple[Signal, ...] = (
    Signal(
        "React",
        "frontend",
        "script",
        0.95,
        script(r"react\.(?:transitional\.)?element\b|Minified React error #|https://react\.dev/errors/"),
    ),
    Signal("React", "frontend", "markup", 0.8, markup(r"^\[data-reactroot\]$|^data-reactroot")),
    Signal("React", "frontend", "path", 0.8, address(r"/static/js/main\.[0-9a-f]{8}\.(?:chunk\.)?js")),
    Signal("React Router", "frontend", "script", 0.9, script(r"__reactRouterVersion|__reactRouterContext")),
    Signal("Next.js", "frontend", "path", 0.99, address(r"/_next/static/")),
    Signal("Next.js", "frontend", "markup", 0.97, markup(r"__NEXT_DATA__|self\.__next_f|#__next")),
    Signal("Next.js", "frontend", "server", 0.99, header("x-powered-by", r"^Next\.js(?: (?P<v>[\d.]+))?")),
    Signal("Vue", "frontend", "script", 0.95, script(r"__v_isRef|__vccOpts|vuejs\.org/error-reference")),
    Signal("Vue", "frontend", "markup", 0.8, markup(r"^data-v-(?:app|[0-9a-f]{7,8})|^data-server-rendered")),
    Signal("Nuxt", "frontend", "path", 0.99, address(r"/_nuxt/")),
    Signal("Nuxt", "frontend", "markup", 0.97, markup(r"__NUXT|#__nuxt")),
    Signal(
        "Angular", "frontend", "script", 0.95, script(r"ngSkipHydration|_nghost-|angular\.dev/(?:errors|guide|license)|angular\.io/errors")
    ),
    Signal("Angular", "frontend", "markup", 0.95, markup(r'^ng-version="(?P<v>[\d.]+)"|^app-root$|^_nghost-')),
    Signal("AngularJS", "frontend", "markup", 0.9, markup(r"^\[ng-app\]$|^ng-app|^ng-controller")),
    Signal("AngularJS", "frontend", "script", 0.9, script(r"\bAngularJS v(?P<v>1\.[\d.]+)|errors\.angularjs\.org/(?P<w>1\.[\d.]+)")),
    Signal("Svelte", "frontend", "script", 0.95, script(r"svelte\.dev/e/|__svelte\b")),
    Signal("Svelte", "frontend", "markup", 0.85, markup(r"^class svelte-")),
    Signal("SvelteKit", "frontend", "path", 0.99, address(r"/_app/immutable/")),
    Signal("SvelteKit", "frontend", "markup", 0.97, markup(r"^data-sveltekit-")),
    Signal("Astro", "frontend", "markup", 0.95, markup(r"^generator=Astro v(?P<v>[\d.]+)|^data-astro-cid-")),
    Signal("HTMX", "frontend", "markup", 0.9, markup(r"^(?:data-)?hx-(?:get|post|put|patch|delete|target|swap|boost|trigger)$")),
    Signal("HTMX", "frontend", "path", 0.9, address(r"/htmx(?:\.org)?(?:@(?P<v>[\d.]+))?[\w./-]*(?:\.js|$)")),
    Signal("Alpine.js", "frontend", "markup", 0.9, markup(r"^x-data$")),
    Signal("Alpine.js", "frontend", "path", 0.9, address(r"/alpinejs(?:@(?P<v>[\d.]+))?")),
    Signal("Inertia", "frontend", "markup", 0.8, markup(r"^data-page$")),
    Signal("Inertia", "frontend", "headers", 0.95, header("vary", r"\bX-Inertia\b")),
    Signal("Turbo", "frontend", "markup", 0.85, markup(r"^data-turbo")),
    Signal(
        "jQuery",
        "frontend",
        "path",
        0.9,
        address(r"/jquery(?:[-.@](?P<v>\d+\.\d+(?:\.\d+)?))?(?:/dist/jquery)?(?:\.slim)?(?:\.min)?(?:\.js|$)"),
    ),
    Signal("jQuery", "frontend", "script", 0.9, script(r"jQuery(?: JavaScript Library)? v(?P<v>[\d.]+)")),
    Signal("axios", "library", "script", 0.9, script(r"AxiosError|\[Axios v(?P<v>[\d.]+)\]")),
    Signal("Socket.IO client", "library", "script", 0.85, script(r"Socket\.IO v(?P<v>[\d.]+)|/socket\.io\b|socket\.io-parser")),
    Signal("Socket.IO client", "library", "path", 0.9, address(r"/socket\.io(?:@(?P<v>[\d.]+)|-client|[./-][\w./-]*?)(?:[\w./@-]*)\.js")),
    Signal("Vite", "build", "path", 0.7, address(_VITE_ASSET)),
    Signal("Vite", "build", "script", 0.85, script(r"__vite__mapDeps|vite:preloadError")),
    Signal("Vite dev server", "build", "path", 0.99, address(r"/@vite/client")),
    Signal("webpack", "build", "script", 0.85, script(r"webpackChunk\w*|__webpack_require__")),
    Signal("Create React App", "build", "markup", 0.8, body(r"<noscript>You need to enable JavaScript to run this app\.</noscript>", 200)),
    Signal("Reflex", "framework", "script", 0.97, script(r"reflex___state____state|/_event\b.*\bis_hydrated|on_load_internal_state")),
)
