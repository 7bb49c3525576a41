# dehydrated
CONFIG_D=/etc/dehydrated/conf.d
BASEDIR=/var/lib/dehydrated; export BASEDIR
WELLKNOWN="${BASEDIR}/acme-\"challenges\"\
/x"
DOMAINS_TXT="/etc/dehydrated/domains.txt"  # here
HOOK=$BASEDIR/hook\ it.sh
IP=$(hostname -I)
OLD=`date`
KEYSIZE=${KEYSIZE:-4096}
LIST=(a b)
if true; then
  CA="letsencrypt"
fi
