"""Take a picture of a page, to look at it as a designer would: `python tools/screenshot.py URL OUT.png --width 360 --dark`."""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
WAKE_LAZY_IMAGES = "document.querySelectorAll('img[loading=lazy]').forEach((image) => { image.loading = 'eager'; })"


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("out", type=Path, help="a .png file; with --both, its name gets -light and -dark")
    parser.add_argument("--width", type=int, default=360)
    parser.add_argument("--height", type=int, default=0, help="0: 640 below 600 px of width, else 800")
    parser.add_argument("--dark", action="store_true", help="as on a device set to dark")
    parser.add_argument("--both", action="store_true", help="one picture light, one dark")
    parser.add_argument("--fold", action="store_true", help="only the first screen, not the whole page")
    parser.add_argument("--no-js", action="store_true", help="with JavaScript off")
    parser.add_argument("--lang", default="zh-CN", help="the browser's language, for example en")
    parser.add_argument(
        "--cookie", action="append", default=[], metavar="NAME=VALUE", help="for example a session; may be repeated"
    )
    parser.add_argument("--print", action="store_true", dest="paper", help="with the print styles")
    return parser.parse_args()


def main() -> None:
    """Open the page in Chromium, save the picture, and say what the browser complained about."""
    args = parse()
    schemes = ["light", "dark"] if args.both else ["dark" if args.dark else "light"]
    height = args.height or (640 if args.width < 600 else 800)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        for scheme in schemes:
            context = browser.new_context(
                viewport={"width": args.width, "height": height},
                device_scale_factor=2 if args.width < 600 else 1,
                color_scheme="dark" if scheme == "dark" else "light",
                java_script_enabled=not args.no_js,
                locale=args.lang,
            )
            pairs = [cookie.partition("=") for cookie in args.cookie]
            context.add_cookies([{"name": name, "value": value, "url": args.url} for name, _, value in pairs])
            page = context.new_page()
            page.on("console", lambda message: print(f"{message.type}: {message.text}"))
            page.on("requestfailed", lambda request: print(f"failed: {request.url}"))
            answer = page.goto(args.url, wait_until="networkidle")
            if args.paper:
                page.emulate_media(media="print")
            page.evaluate(WAKE_LAZY_IMAGES)
            page.wait_for_load_state("networkidle")
            out = args.out.with_stem(f"{args.out.stem}-{scheme}") if args.both else args.out
            page.screenshot(path=out, full_page=not args.fold)
            wide = page.evaluate("document.documentElement.scrollWidth")
            print(f"{out}: status {answer.status if answer else '?'}, {wide} px wide" + (" TOO WIDE" if wide > args.width else ""))
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
