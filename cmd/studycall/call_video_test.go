package main

import (
	"fmt"
	"testing"
	"time"
)

// Both browsers show the other's video and play the other's sound. Each shows the other's mute, camera and screen share. The
// record has all of them.
func TestTwoBrowsersCallEachOther(t *testing.T) {
	t.Parallel()
	skipInShort(t, "20 s")
	c := newBrowserCall(t)
	c.kim.playsSound(lee, false)
	c.lee.playsSound(kim, false)

	mark := c.lee.now()
	muted := beginInterval(func() { c.kim.run("mute", true) })
	c.lee.receives(mark, "video:peer-audio-changed", fmt.Sprintf(`{"userId": %q, "isMuted": true}`, kim))
	c.lee.playsSound(kim, true)
	c.kim.playsSound(lee, false)

	mark = c.kim.now()
	hidden := beginInterval(func() { c.lee.run("hide", true) })
	c.kim.receives(mark, "video:peer-video-changed", fmt.Sprintf(`{"userId": %q, "isVideoOff": true}`, lee))
	c.kim.showsVideo(lee, leesName+" · camera off", "black")

	mark = c.lee.now()
	shared := beginInterval(func() { c.kim.run("share", true) })
	c.lee.receives(mark, "video:peer-screen-share", fmt.Sprintf(`{"userId": %q, "isSharing": true}`, kim))
	c.lee.showsVideo(kim, kimsName+" · muted · sharing", "green")

	muted.end(func() { c.kim.run("mute", false) })
	c.lee.playsSound(kim, false)
	<-time.After(1500 * time.Millisecond) // so that the recorded durations differ
	hidden.end(func() { c.lee.run("hide", false) })
	c.kim.showsVideo(lee, leesName, "blue")
	shared.end(func() { c.kim.run("share", false) })
	c.lee.showsVideo(kim, kimsName, "red")

	mark = c.lee.now()
	c.leave(c.kim, &c.kimIn)
	c.lee.receives(mark, "video:user-left", fmt.Sprintf(`{"userId": %q}`, kim))
	c.leave(c.lee, &c.leeIn)

	detail := c.api.session(c.sessionID)
	detail.mustHaveLasted(t, c.leeIn)
	k, l := detail.participant(t, kim), detail.participant(t, lee)
	c.kimIn.mustBe(t, "kim's stay", *k.Duration)
	c.leeIn.mustBe(t, "lee's stay", *l.Duration)
	muted.mustBe(t, "kim muted", k.AudioMutedTime)
	hidden.mustBe(t, "lee without camera", l.VideoOffTime)
	shared.mustBe(t, "kim sharing", k.ScreenSharedTime)
	if l.AudioMutedTime != 0 || k.VideoOffTime != 0 || l.ScreenSharedTime != 0 {
		t.Errorf("the record has states that never were: %+v, %+v", k, l)
	}
	mustBeHistory(t, c.api, detail)
}
