def test_issue(ca, client):
    one = ca()
    c = client(one)
    c.issue("a.example")
    print(one.requests, one.validations)

def test_live(live):
    live.expect_got()
    print(live.ca.requests)
def test_live2(live):
    live.expect_got()
