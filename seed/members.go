package seed

import (
	"fmt"

	"github.com/studycall/studycall/domain"
)

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
