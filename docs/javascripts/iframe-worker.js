/* Lets the search run where pages are opened from a folder: there browsers refuse workers, so a hidden frame is one.
   The theme asks for this file by its name (plugin `offline`); elsewhere it changes nothing. */
if (location.protocol === "file:")
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inside = frame.contentWindow
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.importScripts = (...urls) =>
        urls.reduce((before, each) => before.then(() => this.load(each)), Promise.resolve())
      this.inside = inside
      this.load(url).then(() => {
        this.ready = true
        for (const data of this.waiting) this.hand(data)
      })
    }
    load(url) {
      return new Promise((done, failed) => {
        const script = this.inside.document.createElement("script")
        Object.assign(script, { src: url, onload: done, onerror: failed })
        this.inside.document.body.append(script)
      })
    }
    hand(data) {
      this.inside.dispatchEvent(new MessageEvent("message", { data }))
    }
    postMessage(data) {
      if (this.ready) this.hand(data)
      else this.waiting.push(data)
    }
    terminate() {}
  }
