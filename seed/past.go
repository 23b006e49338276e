package seed

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/studycall/studycall/domain"
)

// MaxSessions is the largest number of sessions of a study: one every half hour of ten years.
const MaxSessions = maxWeeks * 7 * 24 * 2

// Past identifies a past. Pasts with different seeds have no id in common.
type Past struct {
	Seed uint64
	// Sessions is the number of sessions of each study, 1 to MaxSessions.
	Sessions int
	// Until is midnight in the users' time zone, where studies meet in the evening. All sessions end before it.
	Until time.Time
}

// Topics of a study's random numbers: its members do not depend on its sessions.
const (
	memberTopic = iota
	sessionTopic
)

// Study is a study of the past, with its members.
type Study struct {
	ID      string
	Name    string
	Members []Member

	number int
	past   Past
}

// Study returns the past's n-th study, from 1; the number of studies is unlimited.
func (p Past) Study(n int) Study {
	ids := "seed"
	if p.Seed != 0 {
		ids = fmt.Sprintf("seed-%d", p.Seed)
	}
	return Study{
		ID:      fmt.Sprintf("%s-study-%d", ids, n),
		Name:    studyName(n),
		Members: members(newRandom(p.Seed, n, memberTopic), fmt.Sprintf("%s-user-%d", ids, n)),
		number:  n,
		past:    p,
	}
}

// Sessions returns the study's sessions in order, each with its events in the order of the log. Only one is in memory at a time.
func (s Study) Sessions() iter.Seq[[]domain.Event] {
	return func(yield func([]domain.Event) bool) {
		r := newRandom(s.past.Seed, s.number, sessionTopic)
		var call domain.Call
		count := 0
		for slot := range slots(r, s.past.Sessions, s.past.Until) {
			users := attendees(r, s.Members, count >= s.past.Sessions/2)
			if !yield(session(r, &call, slot, users)) {
				return
			}
			count++
		}
	}
}

const (
	minMembers = 4
	maxMembers = 15
	// minAttendees and maxAttendees bound the users of a session that is not empty; the maximum is the domain's capacity as well.
	minAttendees = 2
	maxAttendees = 12
)

// Member is a user and the membership in one study. Every study has its own users.
type Member struct {
	UserID string
	Name   string
	Email  string
	domain.Membership

	// attendance is the percentage of sessions that the member attends.
	attendance int
}

// members returns the members of a study. The first is the owner, the second an admin, and the last left the study half way through.
func members(r random, ids string) []Member {
	result := make([]Member, minMembers+r.IntN(maxMembers-minMembers+1))
	for i := range result {
		id := fmt.Sprintf("%s-%d", ids, i+1)
		result[i] = Member{
			UserID: id, Name: personName(r), Email: id + "@example.com",
			Membership: domain.Membership{Role: domain.Member, Status: domain.Active},
			attendance: 40 + r.IntN(56),
		}
	}
	result[0].Role, result[1].Role = domain.Owner, domain.Admin
	result[len(result)-1].Status = "LEFT"
	return result
}

// attendees returns the users of a session, in random order. In the second half of the sessions, the member who left the study does
// not attend.
func attendees(r random, all []Member, secondHalf bool) []string {
	if secondHalf {
		all = all[:len(all)-1]
	}
	users := make([]string, 0, maxAttendees)
	for _, i := range r.Perm(len(all)) {
		if len(users) < minAttendees || len(users) < maxAttendees && r.percent(all[i].attendance) {
			users = append(users, all[i].UserID)
		}
	}
	return users
}

func personName(r random) string {
	family := [...]string{
		"김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황", "안", "송", "류", "홍",
	}
	given := [...]string{
		"민준", "서연", "도윤", "지우", "예준", "하은", "시우", "서윤", "주원", "지민", "하준", "수아", "지호", "채원", "준서", "다은",
		"현우", "예린", "건우", "소율", "우진", "유나", "선우", "지안", "은우", "수빈", "정훈", "혜진", "태현", "나연",
	}
	return family[r.IntN(len(family))] + given[r.IntN(len(given))]
}

func studyName(n int) string {
	topics := [...]string{
		"알고리즘", "자료구조", "운영체제", "데이터베이스", "네트워크", "CS 면접", "코딩 테스트", "토익", "영어 회화", "일본어",
		"정보처리기사", "공무원 시험", "수학", "경제", "독서", "Go 언어", "리액트", "머신러닝", "디자인", "취업 준비",
	}
	name := topics[(n-1)%len(topics)] + " 스터디"
	if group := (n-1)/len(topics) + 1; group > 1 {
		name = fmt.Sprintf("%s %d기", name, group)
	}
	return name
}

// random draws whole numbers only, because floating point may round differently on another machine.
type random struct{ *rand.Rand }

// newRandom returns the random source for one topic of one study.
func newRandom(seed uint64, study int, topic uint64) random {
	return random{rand.New(rand.NewPCG(seed, uint64(study)<<8|topic))} //nolint:gosec // it must be reproducible
}

// percent returns true with a probability of p in 100.
func (r random) percent(p int) bool { return r.IntN(100) < p }

// between returns a duration from low up to, but not including, high, in whole milliseconds.
func (r random) between(low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64((high-low)/time.Millisecond)))*time.Millisecond
}

// id returns a new id: 128 bits, so that it is unique, in the format of the service's own ids, so that indexes behave as with those.
func (r random) id() string {
	var bits [16]byte
	binary.BigEndian.PutUint64(bits[:8], r.Uint64())
	binary.BigEndian.PutUint64(bits[8:], r.Uint64())
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bits[:])
}
